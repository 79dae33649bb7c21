// The daemon's HTTP interface: JSON alone, also for what does not exist. It has no logins and belongs on an internal network.

import { Hono } from "hono";
import { toAppError } from "../domain/error.ts";
import type { DaemonHealth } from "../usecases/check-daemon-health.ts";
import { healthRoutes } from "./routes/health.ts";
import { statusRoutes, type StatusReader } from "./routes/status.ts";

export interface HttpSources {
  checkHealth(): Promise<DaemonHealth>;
  readonly status: StatusReader;
}

export function createHttpApp(sources: HttpSources): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    if (c.req.method !== "GET" && c.req.method !== "HEAD") {
      return c.json({ error: { code: "method_not_allowed", message: "only GET and HEAD are answered" } }, 405, {
        Allow: "GET, HEAD",
      });
    }
    await next();
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    return undefined;
  });
  app.route("/", healthRoutes(sources.checkHealth));
  app.route("/", statusRoutes(sources.status));
  app.notFound((c) => c.json({ error: { code: "not_found", message: "there is nothing here" } }, 404));
  app.onError((thrown, c) => {
    const { code, message } = toAppError(thrown);
    return c.json({ error: { code, message } }, code === "state_failed" ? 503 : 500);
  });
  return app;
}
