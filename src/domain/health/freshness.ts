// Whether a project's newest success is recent enough, by the schedules that should have renewed it.

import type { Project } from "../project/project.ts";
import { longestInterval } from "../schedule/slots.ts";

export interface Freshness {
  readonly ageMs: number;
  /** The oldest that the newest success may be; null when no schedule makes backups. */
  readonly limitMs: number | null;
  readonly isStale: boolean;
}

/** One missed slot is forgiven: twice the longest wait of the most frequent backup schedule. */
const forgivenIntervals = 2;

/** `startedAt` is that of the newest success: the state of the data that it holds. */
export function judgeFreshness(
  project: Pick<Project, "schedules" | "rpoMs">,
  startedAt: number,
  nowMs: number,
): Freshness {
  const intervals = project.schedules
    .filter(({ kind, enabled }) => kind === "backup" && enabled)
    .map((schedule) => longestInterval(schedule, nowMs))
    .filter((interval) => interval !== undefined);
  const limitMs = project.rpoMs ?? (intervals.length === 0 ? null : forgivenIntervals * Math.min(...intervals));
  const ageMs = Math.max(0, nowMs - startedAt);
  return { ageMs, limitMs, isStale: limitMs !== null && ageMs > limitMs };
}
