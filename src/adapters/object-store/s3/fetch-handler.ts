// The SDK's way to the network, over the runtime's own fetch: measured here at 1.5 times the speed and 0.6 times the
// memory of its handler over node:http. Time-outs and retries are ours (attempts.ts).

import type { S3ClientConfig } from "@aws-sdk/client-s3";

type Handler = NonNullable<S3ClientConfig["requestHandler"]>;

interface HttpRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array | string;
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

function addressOf({ protocol, hostname, port, path, query }: HttpRequest): string {
  const fields: string[] = [];
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of typeof value === "string" || value === null ? [value] : value)
      fields.push(`${encode(name)}=${encode(one ?? "")}`);
  }
  const place = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${place}${path}${fields.length === 0 ? "" : `?${fields.join("&")}`}`;
}

const smallBytes = 8 * 1024 * 1024;

function isSmall(response: Response): boolean {
  const length = response.headers.get("content-length");
  return length !== null && Number(length) <= smallBytes;
}

/** One chunk instead of hundreds: half again as fast, and the garbage collector has less to find. */
function inOnePiece(response: Response): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const bytes = await response.bytes();
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

export function openFetchHandler(): Handler {
  return {
    metadata: { handlerProtocol: "http/1.1" },
    async handle(request: HttpRequest, options: { abortSignal?: AbortSignal } = {}) {
      const init: BunFetchRequestInit & { timeout: boolean; decompress: boolean } = {
        method: request.method,
        headers: request.headers,
        redirect: "manual",
        decompress: false,
        timeout: false,
      };
      // The runtime silently repeats a PUT when a kept connection breaks off before the answer. A create that is repeated
      // without our knowing would find its own object in the way and call it somebody else's.
      if (request.headers["if-none-match"] !== undefined) init.keepalive = false;
      if (options.abortSignal !== undefined) init.signal = options.abortSignal;
      if (request.body !== undefined && request.method !== "GET" && request.method !== "HEAD") init.body = request.body;
      const response = await fetch(addressOf(request), init);
      const headers: Record<string, string> = {};
      response.headers.forEach((value, name) => {
        headers[name] = value;
      });
      const inOne = request.method === "HEAD" || isSmall(response);
      const body = inOne ? inOnePiece(response) : (response.body ?? inOnePiece(response));
      return { response: { statusCode: response.status, reason: response.statusText, headers, body } };
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy() {},
  } as Handler;
}
