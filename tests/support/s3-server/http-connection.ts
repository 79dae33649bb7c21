// HTTP/1.1 on a bare socket, so that a test server can break off, stall and lie at any byte.

import type { Socket } from "node:net";

export interface HttpRequest {
  readonly method: string;
  /** As sent, still percent-encoded. */
  readonly path: string;
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  readonly contentLength: number;
  body(): AsyncGenerator<Uint8Array>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  /** Told in Content-Length; needed with a streamed body, and may be a lie. */
  readonly contentLength?: number;
  /** Break off after so many bytes of the body. */
  readonly cutAfterBytes?: number;
}

/** Thrown by a handler that wants the connection gone without an answer. */
export class Hangup extends Error {}

const reasons: Record<number, string> = { 200: "OK", 204: "No Content", 206: "Partial Content", 404: "Not Found" };

export async function serveConnection(
  socket: Socket,
  handle: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<void> {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let pending: Buffer = Buffer.alloc(0);

  async function more(): Promise<boolean> {
    const { done, value } = await chunks.next();
    if (done) return false;
    pending =
      pending.length === 0
        ? Buffer.from(value.buffer, value.byteOffset, value.length)
        : Buffer.concat([pending, value]);
    return true;
  }

  async function readHead(): Promise<string | undefined> {
    for (;;) {
      const end = pending.indexOf("\r\n\r\n");
      if (end >= 0) {
        const head = pending.subarray(0, end).toString("latin1");
        pending = pending.subarray(end + 4);
        return head;
      }
      if (!(await more())) return undefined;
    }
  }

  function send(data: string | Uint8Array): Promise<void> | undefined {
    if (socket.destroyed) throw new Hangup();
    if (socket.write(data)) return undefined;
    return new Promise((resolve) => {
      const go = (): void => {
        for (const event of ["drain", "close"]) socket.off(event, go);
        resolve();
      };
      for (const event of ["drain", "close"]) socket.on(event, go);
    });
  }

  try {
    for (;;) {
      const head = await readHead();
      if (head === undefined) return;
      const [requestLine = "", ...lines] = head.split("\r\n");
      const [method = "", target = ""] = requestLine.split(" ");
      const headers = new Map<string, string>();
      for (const line of lines) {
        const colon = line.indexOf(":");
        headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
      }
      const [path = "", rawQuery = ""] = target.split("?");
      const contentLength = Number(headers.get("content-length") ?? 0);
      let unread = contentLength;
      if (headers.get("expect")?.toLowerCase() === "100-continue") await send("HTTP/1.1 100 Continue\r\n\r\n");

      async function* body(): AsyncGenerator<Uint8Array> {
        while (unread > 0) {
          if (pending.length === 0 && !(await more())) throw new Hangup();
          const piece = pending.subarray(0, unread);
          pending = pending.subarray(piece.length);
          unread -= piece.length;
          yield piece;
        }
      }

      const query = new URLSearchParams(rawQuery);
      const response = await handle({ method, path, rawQuery, query, headers, contentLength, body });
      for await (const _ of body()); // What the handler left unread.

      const length =
        response.contentLength ?? Buffer.byteLength(typeof response.body === "string" ? response.body : "");
      const answer = { "Content-Length": `${length}`, Date: new Date().toUTCString(), ...response.headers };
      const fields = Object.entries(answer).map(([name, value]) => `${name}: ${value}\r\n`);
      await send(`HTTP/1.1 ${response.status} ${reasons[response.status] ?? "Status"}\r\n${fields.join("")}\r\n`);
      if (method === "HEAD" || response.body === undefined) {
        if (response.cutAfterBytes !== undefined) throw new Hangup();
        continue;
      }
      let left = response.cutAfterBytes ?? Number.POSITIVE_INFINITY;
      const parts = typeof response.body === "string" ? [Buffer.from(response.body)] : response.body;
      for await (const part of parts) {
        await send(part.subarray(0, left));
        left -= part.length;
        if (left > 0) continue;
        await Bun.sleep(20); // Let the bytes arrive before the connection breaks.
        throw new Hangup();
      }
    }
  } catch (error) {
    if (!(error instanceof Hangup) && !socket.destroyed) console.error("s3 server:", error);
  } finally {
    socket.destroy();
  }
}
