// Takes away what crashes left: temporary files and unfinished uploads by their names, and parts without a manifest
// only when the state store knows the run that made them as ended, and its catalogue has no backup of theirs on this
// storage: then they were never committed here, or their deletion was cut short. A file without a record stays, and so
// do the parts of a backup whose manifest was lost.

import type { Project } from "../domain/project/project.ts";
import { parseObjectKey } from "../domain/backup/object-key.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { findEndedBackups, patienceOf } from "./find-ended-backups.ts";
import { readCatalog } from "./read-catalog.ts";
import { readRemembered } from "./read-remembered.ts";
import type { NamedStore } from "./named.ts";

/** Nothing younger is touched, however the run that made it ended; a project's own time-out may raise it. */
const minimumAgeMs = 60 * 60 * 1000;

/** Who collects: a run, or the recovery after a crash. */
export type Collector = Pick<ActiveRun, "id" | "signal" | "log" | "report">;

/**
 * The caller holds the project's lock, so that no run of this project is live here. Unfinished writes of `deadBackup`, whose
 * run is known to be dead, go however young they are.
 */
export async function collectDebris(
  deps: Pick<Deps, "clock" | "state">,
  run: Collector,
  project: Project,
  storage: NamedStore,
  deadBackup: string | null = null,
): Promise<void> {
  const now = deps.clock.now();
  const ended = await findEndedBackups(deps, { project, except: run.id });
  let removed = 0;
  for (const debris of await storage.store.listDebris(run.signal)) {
    if (!debris.key.startsWith(`${project.name}/`)) continue;
    const backupId = parseObjectKey(debris.key)?.backupId;
    const isDead = deadBackup !== null && backupId === deadBackup;
    // The lock keeps out the runs of this host; one of another host may be at what no record here knows, so that this is
    // given as long as a run that shows no life.
    const isForeign = backupId !== undefined && !ended.has(backupId);
    const patienceMs = isForeign ? patienceOf(project) : Math.max(minimumAgeMs, project.timeoutMs ?? 0);
    if (!isDead && debris.startedAt > now - patienceMs) continue;
    await storage.store.deleteDebris(debris, run.signal);
    run.log("info", `storage ${storage.name}: removed the unfinished ${debris.key}`);
    removed += 1;
  }
  const { orphans } = await readCatalog(storage.store, project.name, run.signal);
  if (orphans.length > 0) {
    const committed = await readRemembered(deps, project.name, storage.name);
    for (const { backupId, object } of orphans) {
      if (!ended.has(backupId) || committed.has(backupId)) {
        const why = committed.has(backupId) ? "although the backup was committed" : "and no record of a run that ended";
        run.log("warn", `storage ${storage.name}: ${object.key} has no manifest ${why}; it stays`);
        continue;
      }
      await storage.store.delete(object.key, run.signal);
      run.log("info", `storage ${storage.name}: removed ${object.key}, which belongs to no backup`);
      removed += 1;
    }
  }
  if (removed > 0) run.report({ removedDebris: removed });
}
