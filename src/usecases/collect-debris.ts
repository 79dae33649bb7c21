// Takes away what crashes left: temporary files and unfinished uploads by their names, and parts without a manifest
// only when the state store knows them as belonging to a run that ended without a backup. A file without a record stays.

import { isTerminal } from "../domain/run/run.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { readCatalog } from "./read-catalog.ts";
import type { Target } from "./store-part.ts";

/** Nothing younger is touched, however the run that made it ended; a project's own time-out may raise it. */
const minimumAgeMs = 60 * 60 * 1000;
const recentRuns = 1_000;

/** The caller holds the project's lock, so that no run of this project is live here. */
export async function collectDebris(
  deps: Pick<Deps, "clock" | "state">,
  run: ActiveRun,
  project: Project,
  target: Target,
): Promise<void> {
  const youngest = deps.clock.now() - Math.max(minimumAgeMs, project.timeoutMs ?? 0);
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
    const failed = new Set(
      runs
        .filter(
          (past) =>
            past.id !== run.id &&
            past.status !== "succeeded" &&
            (isTerminal(past.status) || past.heartbeatAt < youngest),
        )
        .map((past) => past.backupId),
    );
    for (const { backupId, object } of orphans) {
      if (!failed.has(backupId)) {
        run.log(
          "warn",
          `storage ${target.name}: ${object.key} has no manifest and no record of a failed run; it stays`,
        );
        continue;
      }
      await target.store.delete(object.key, run.signal);
      run.log("info", `storage ${target.name}: removed ${object.key} of a failed run`);
      removed += 1;
    }
  }
  if (removed > 0) run.report({ removedDebris: removed });
}
