// GET /health: 200 when the daemon can do its work, 503 with the reason when it cannot.

import { Hono } from "hono";
import type { DaemonHealth } from "../../usecases/check-daemon-health.ts";

export function healthRoutes(check: () => Promise<DaemonHealth>): Hono {
  return new Hono().get("/health", async (c) => {
    const report = await check();
    return c.json(report, report.status === "healthy" ? 200 : 503);
  });
}
