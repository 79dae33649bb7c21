// Takes away what crashes left: temporary files and unfinished uploads by their names, and parts without a manifest
// only when the state store knows the run that made them as ended, and its catalogue has no backup of theirs on this
// storage: then they were never committed here, or their deletion was cut short. A file without a record stays, and so
// do the parts of a backup whose manifest was lost.

import { isTerminal, type Run } from "../domain/run/run.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { readCatalog } from "./read-catalog.ts";
import type { Target } from "./store-part.ts";

/** Nothing younger is touched, however the run that made it ended; a project's own time-out may raise it. */
const minimumAgeMs = 60 * 60 * 1000;
const recentRuns = 1_000;
const everyBackup = 100_000;

/** The caller holds the project's lock, so that no run of this project is live here. */
export async function collectDebris(
  deps: Pick<Deps, "clock" | "state">,
  run: ActiveRun,
  project: Project,
  target: Target,
): Promise<void> {
  const youngest = youngestDebris(deps, project);
  let removed = 0;
  for (const debris of await target.store.listDebris(run.signal)) {
    if (!debris.key.startsWith(`${project.name}/`) || debris.startedAt > youngest) continue;
    await target.store.deleteDebris(debris, run.signal);
    run.log("info", `storage ${target.name}: removed the unfinished ${debris.key}`);
    removed += 1;
  }
  const { orphans } = await readCatalog(target.store, project.name, run.signal);
  if (orphans.length > 0) {
    const runs = await deps.state.listRuns({ project: project.name, kind: "backup", limit: recentRuns });
    const ended = new Set<unknown>(
      runs
        .filter((past) => past.id !== run.id && (isTerminal(past.status) || past.heartbeatAt < youngest))
        .flatMap((past) => [past.backupId, ...abandonedIdsOf(past)]),
    );
    const catalogue = await deps.state.listBackups({ project: project.name, storage: target.name, limit: everyBackup });
    const committed = new Set(catalogue.map(({ id }) => id));
    for (const { backupId, object } of orphans) {
      if (!ended.has(backupId) || committed.has(backupId)) {
        const why = committed.has(backupId) ? "although the backup was committed" : "and no record of a run that ended";
        run.log("warn", `storage ${target.name}: ${object.key} has no manifest ${why}; it stays`);
        continue;
      }
      await target.store.delete(object.key, run.signal);
      run.log("info", `storage ${target.name}: removed ${object.key}, which belongs to no backup`);
      removed += 1;
    }
  }
  if (removed > 0) run.report({ removedDebris: removed });
}

/** When whatever may be collected was begun at the latest. */
export function youngestDebris({ clock }: Pick<Deps, "clock">, project: Project): number {
  return clock.now() - Math.max(minimumAgeMs, project.timeoutMs ?? 0);
}

/** Ids of the attempts of a run that was retried. */
export function abandonedIdsOf({ result }: Run): readonly unknown[] {
  const { abandonedIds } = result;
  return Array.isArray(abandonedIds) ? abandonedIds : [];
}
