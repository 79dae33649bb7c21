// What the daemon's socket speaks: one JSON object per line, both ways. A request has an id, and every answer to it has the same.

import { z } from "zod";

/** Longer lines end the connection. */
export const maxLineBytes = 64 * 1024;

export const ControlRequest = z.object({
  id: z.number().int(),
  command: z.enum(["ping", "reload", "watch"]),
});
export type ControlRequest = z.infer<typeof ControlRequest>;

const ControlProblem = z.object({
  severity: z.enum(["error", "warning"]),
  file: z.string(),
  line: z.number(),
  column: z.number(),
  path: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

export const ControlError = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
  problems: z.array(ControlProblem),
});

export const DaemonFacts = z.object({
  version: z.string(),
  pid: z.number(),
  startedAt: z.number(),
  configuration: z.string().nullable(),
  schedules: z.number(),
  queued: z.number(),
  running: z.number(),
  nextAt: z.number().nullable(),
});
export type DaemonFacts = z.infer<typeof DaemonFacts>;

export const ReloadResult = z.object({
  configuration: z.string().nullable(),
  projects: z.number(),
  schedules: z.number(),
  warnings: z.array(ControlProblem),
  /** Settings that changed and hold only after a restart. */
  restartFor: z.array(z.string()),
});
export type ReloadResult = z.infer<typeof ReloadResult>;

/** Answers to `ping` and `reload` end with one line; `watch` sends lines with `event` until the connection ends. */
export const ControlReply = z.union([
  z.object({ id: z.number(), ok: z.literal(true), result: z.unknown() }),
  z.object({ id: z.number(), ok: z.literal(false), error: ControlError }),
  z.object({ id: z.number(), event: z.looseObject({ type: z.string() }) }),
]);
export type ControlReply = z.infer<typeof ControlReply>;

/** The events that a watcher looks into; the others only say that there is something new. */
export const WatchedEvent = z.union([
  z.looseObject({
    type: z.literal("progress"),
    runId: z.string(),
    progress: z.looseObject({ bytesDone: z.number() }),
  }),
  z.looseObject({ type: z.literal("started"), run: z.looseObject({ id: z.string(), project: z.string() }) }),
]);
