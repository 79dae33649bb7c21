// Looks which conditions stand, opens an alert for each new one and resolves those that are over. Each is told once.

import { alertKey, type Alert } from "../domain/alert/alert.ts";
import { findConditions } from "../domain/alert/find-conditions.ts";
import type { Configuration } from "../domain/project/project.ts";
import { listScheduleEntries } from "../domain/schedule/daemon-schedules.ts";
import type { Deps } from "./deps.ts";

export type AlertDeps = Pick<Deps, "state" | "clock" | "random">;

const everyAlert = 100_000;
const queuedAtOnce = 10_000;

/** Nothing but the state store and the configuration is asked: no daemon has to live for it. */
export async function checkAlerts(
  deps: AlertDeps,
  configuration: Pick<Configuration, "projects" | "settings">,
  tell: (alert: Alert) => Promise<void>,
): Promise<void> {
  const { state, clock } = deps;
  const now = clock.now();
  const [marks, successes, queued, backups, verifications, standing] = await Promise.all([
    state.listScheduleMarks(),
    state.listNewestSuccesses("backup"),
    state.listSlots({ status: ["queued"], limit: queuedAtOnce }),
    state.listLatestRuns("backup"),
    state.listLatestRuns("verify"),
    state.listAlerts({ open: true, limit: everyAlert }),
  ]);
  const conditions = findConditions({
    projects: configuration.projects,
    entries: listScheduleEntries(configuration),
    marks,
    successes: new Map(successes.map(({ project, startedAt }) => [project, startedAt])),
    queued,
    backups,
    verifications,
    now,
  });
  const found = new Map(conditions.map((condition) => [alertKey(condition), condition]));
  const open = new Set(standing.map(alertKey));
  for (const [key, condition] of found) {
    if (open.has(key)) continue;
    const alert: Alert = { ...condition, id: newAlertId(deps), openedAt: now, resolvedAt: null };
    if (await state.openAlert(alert)) await tell(alert);
  }
  // Another daemon may know projects that this one does not: theirs are not ours to resolve.
  const known = new Set(configuration.projects.map(({ name }) => name));
  for (const alert of standing) {
    if (found.has(alertKey(alert)) || !known.has(alert.project)) continue;
    if (await state.resolveAlert(alert.id, now)) await tell({ ...alert, resolvedAt: now });
  }
}

export function newAlertId(deps: Pick<Deps, "random">): string {
  return [...deps.random(12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
