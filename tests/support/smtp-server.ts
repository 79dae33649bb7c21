// A small mail server for tests: takes one conversation at a time and remembers every line it was sent.

import { createServer, type Socket } from "node:net";
import { TLSSocket, createSecureContext } from "node:tls";

export interface SmtpServer extends AsyncDisposable {
  readonly port: number;
  /** All lines from clients, over plain and encrypted connections. */
  readonly lines: readonly string[];
  /** Lines that came before TLS was up. */
  readonly plainLines: readonly string[];
}

export interface SmtpOptions {
  /** Offers STARTTLS with this certificate. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** TLS from the start, with the certificate of `tls`. */
  readonly implicit?: boolean;
  readonly refuseLogin?: boolean;
  readonly silent?: boolean;
}

export async function startSmtpServer(options: SmtpOptions = {}): Promise<SmtpServer> {
  const lines: string[] = [];
  const plainLines: string[] = [];
  const sockets = new Set<Socket>();
  const converse = (socket: Socket, isEncrypted: boolean): void => {
    let isData = false;
    let rest = "";
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString("utf8")).split("\r\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        lines.push(line);
        if (!isEncrypted) plainLines.push(line);
        if (isData) {
          if (line !== ".") continue;
          isData = false;
          socket.write("250 taken\r\n");
          continue;
        }
        const verb = line.split(" ", 1)[0]!.toUpperCase();
        if (verb === "EHLO") {
          const starttls = options.tls !== undefined && !isEncrypted ? "250-STARTTLS\r\n" : "";
          socket.write(`250-test\r\n${starttls}250 AUTH PLAIN LOGIN\r\n`);
        } else if (verb === "STARTTLS" && options.tls !== undefined) {
          socket.write("220 go\r\n");
          socket.removeAllListeners("data");
          const secureContext = createSecureContext(options.tls);
          converse(new TLSSocket(socket, { isServer: true, secureContext }), true);
          return;
        } else if (verb === "STARTTLS") socket.write("502 no\r\n");
        else if (verb === "AUTH") socket.write(options.refuseLogin === true ? "535 no\r\n" : "235 ok\r\n");
        else if (verb === "DATA") {
          isData = true;
          socket.write("354 go on\r\n");
        } else if (verb === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    if (options.silent === true) return;
    if (options.implicit === true && options.tls !== undefined) {
      const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(options.tls) });
      secure.on("error", () => {});
      secure.once("secure", () => secure.write("220 test\r\n"));
      converse(secure, true);
      return;
    }
    socket.write("220 test\r\n");
    converse(socket, false);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the mail server has no port");
  return {
    port: address.port,
    lines,
    plainLines,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
