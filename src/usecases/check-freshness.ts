// When a project was last backed up, and whether that is too long ago.

import { judgeFreshness } from "../domain/health/freshness.ts";
import type { HealthStatus } from "../domain/health/health-check.ts";
import type { Project } from "../domain/project/project.ts";
import type { Run, RunStatus } from "../domain/run/run.ts";
import type { Deps } from "./deps.ts";

const minuteMs = 60_000;
const runsLookedAt = 50;

/** By the runs that the state store remembers, not by the storages. */
export async function checkFreshness(
  { state, clock }: Pick<Deps, "state" | "clock">,
  project: Project,
): Promise<{ readonly status: HealthStatus; readonly detail: string; readonly hint?: string }> {
  const { name } = project;
  const newest = async (status: readonly RunStatus[]): Promise<Run | undefined> => {
    const runs = await state.listRuns({ project: name, kind: "backup", status, limit: runsLookedAt });
    // A safety backup holds what a restore was about to replace.
    return runs.find(({ trigger }) => trigger !== "safety");
  };
  const [success, last] = [await newest(["succeeded"]), await newest(["succeeded", "failed"])];
  if (success === undefined) {
    const detail = last === undefined ? "never backed up" : `never backed up: ${last.error?.message ?? last.status}`;
    return { status: last === undefined ? "warning" : "failed", detail, hint: `run backupctl run ${name}` };
  }
  const { ageMs, limitMs, isStale } = judgeFreshness(project, success.startedAt ?? success.createdAt, clock.now());
  const age = `the newest backup is ${formatAge(ageMs)} old`;
  const failure =
    last?.status === "failed" ? `; the last run failed: ${last.error?.message ?? "no reason is known"}` : "";
  if (isStale) {
    const detail = `${age}, by its schedule it may be ${formatAge(limitMs ?? 0)}${failure}`;
    return { status: "failed", detail, hint: `see backupctl logs ${name}, and that the daemon runs` };
  }
  if (failure !== "") return { status: "warning", detail: age + failure, hint: `see backupctl logs ${name}` };
  return { status: "ok", detail: limitMs === null ? `${age}; no schedule renews it` : age };
}

/** `3 h 20 min`: the two largest units. */
export function formatAge(ms: number): string {
  const minutes = Math.floor(ms / minuteMs);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const units = [`${days} d`, `${hours} h`, `${rest} min`];
  const first = days > 0 ? 0 : hours > 0 ? 1 : 2;
  return units.slice(first, first + 2).join(" ");
}
