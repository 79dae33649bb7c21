// Whether a project's newest success is recent enough, by the schedules that should have renewed it. Health checks and
// alerts judge by this alone.

import type { Project } from "../project/project.ts";
import { longestInterval, type SlotRule } from "../schedule/slots.ts";

export interface Freshness {
  readonly ageMs: number;
  /** The oldest that the newest success may be; null when no schedule makes backups. */
  readonly limitMs: number | null;
  /** What the limit comes from. */
  readonly rule: "rpo_minutes" | "schedule" | null;
  readonly isStale: boolean;
}

/** One missed slot is forgiven: twice the longest wait of the most frequent backup schedule. */
const forgivenIntervals = 2;
const intervalsKeptMs = 60 * 60_000;
const intervals = new Map<string, { readonly until: number; readonly intervalMs: number | undefined }>();

/** `startedAt` is that of the newest success, the state of the data that it holds; without one, since when it is awaited. */
export function judgeFreshness(
  project: Pick<Project, "schedules" | "rpoMs">,
  startedAt: number,
  nowMs: number,
): Freshness {
  const found = project.schedules
    .filter(({ kind, enabled }) => kind === "backup" && enabled)
    .map((schedule) => intervalOf(schedule, nowMs))
    .filter((interval) => interval !== undefined);
  const byScheduleMs = found.length === 0 ? null : forgivenIntervals * Math.min(...found);
  const limitMs = project.rpoMs ?? byScheduleMs;
  const rule = project.rpoMs !== undefined ? "rpo_minutes" : byScheduleMs === null ? null : "schedule";
  const ageMs = Math.max(0, nowMs - startedAt);
  return { ageMs, limitMs, rule, isStale: limitMs !== null && ageMs > limitMs };
}

/** Looking for it takes many steps of the calendar, and it changes with the seasons at most. */
function intervalOf(rule: SlotRule, nowMs: number): number | undefined {
  const key = `${rule.cron} ${rule.timeZone}`;
  const known = intervals.get(key);
  if (known !== undefined && known.until > nowMs && known.until - intervalsKeptMs <= nowMs) return known.intervalMs;
  const intervalMs = longestInterval(rule, nowMs);
  intervals.set(key, { until: nowMs + intervalsKeptMs, intervalMs });
  return intervalMs;
}
