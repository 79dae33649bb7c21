// Listens on `LISTEN`: `:3100` for every address of the machine, `host:port` for one.

import type { Hono } from "hono";
import { AppError } from "../domain/error.ts";

export interface HttpListener extends AsyncDisposable {
  readonly url: string;
}

/** Whoever sends or reads nothing for so long is hung up on. */
const idleSeconds = 20;
const maxBodyBytes = 64 * 1024;

export function listenHttp(app: Hono, listen: string): HttpListener {
  const at = listen.lastIndexOf(":");
  const hostname = listen.slice(0, at).replace(/^\[|\]$/g, "");
  const port = Number(listen.slice(at + 1));
  try {
    const server = Bun.serve({
      ...(hostname === "" ? {} : { hostname }),
      port,
      // Else a second daemon could share the port, and each would get half of the questions.
      reusePort: false,
      idleTimeout: idleSeconds,
      maxRequestBodySize: maxBodyBytes,
      fetch: (request) => app.fetch(request),
      error: () => Response.json({ error: { code: "internal", message: "the request failed" } }, { status: 500 }),
    });
    return {
      url: String(server.url),
      async [Symbol.asyncDispose]() {
        await server.stop(true);
      },
    };
  } catch (cause) {
    const { code } = cause as { code?: string };
    const why = code === "EADDRINUSE" ? "it is in use" : String(code ?? (cause as Error).message);
    throw new AppError("listen_failed", `the address ${listen} cannot be listened on: ${why}`, {
      hint: "end what listens there, or set LISTEN to another port, as :3101",
      cause,
    });
  }
}
