// GET /status and /status/:project: what was backed up last, what is queued, what comes next, what is wrong.

import { Hono, type Context } from "hono";
import type { ProjectHistory, ProjectStatus } from "../../usecases/read-status.ts";

export interface StatusReader {
  listAll(): Promise<readonly ProjectStatus[]>;
  /** Undefined when neither configuration nor state store know the project. */
  findHistory(project: string, page: { limit: number; offset: number }): Promise<ProjectHistory | undefined>;
}

const defaultRuns = 20;
const mostRuns = 500;

export function statusRoutes(reader: StatusReader): Hono {
  return new Hono()
    .get("/status", async (c) => c.json({ projects: await reader.listAll() }))
    .get("/status/:project", async (c) => {
      const project = c.req.param("project");
      const limit = readCount(c, "last", defaultRuns, 1, mostRuns);
      const offset = readCount(c, "offset", 0, 0, Number.MAX_SAFE_INTEGER);
      if (limit === undefined || offset === undefined) {
        return c.json({ error: { code: "usage", message: `last takes 1 to ${mostRuns}, offset a whole number` } }, 400);
      }
      const history = await reader.findHistory(project, { limit, offset });
      if (history !== undefined) return c.json(history);
      return c.json({ error: { code: "not_found", message: "there is no project of this name" } }, 404);
    });
}

function readCount(c: Context, name: string, fallback: number, min: number, max: number): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return fallback;
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return count >= min && count <= max ? count : undefined;
}
