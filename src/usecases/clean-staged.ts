// The dumps that repositories are fed from, in BACKUP_BASE_DIR/{project}: removed when they are older than
// `local_days`, or when the run that made them ended without a backup. A file that was not named by us is never touched.

import { parseStagedKey, type StagedKey } from "../domain/backup/staged-key.ts";
import { manifestKey } from "../domain/backup/object-key.ts";
import type { Project } from "../domain/project/project.ts";
import type { ObjectInfo, ObjectStore } from "../ports/object-store.ts";
import type { Collector } from "./collect-debris.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { findEndedBackups } from "./find-ended-backups.ts";
import { readRemembered } from "./read-remembered.ts";

type CleanDeps = Pick<Deps, "clock" | "settings" | "openDirectory">;

const dayMs = 86_400_000;

/** The caller holds the project's lock. Does nothing without `local_days`; 0 removes what was just synced as well. */
export async function cleanStaged(
  deps: CleanDeps,
  run: Pick<ActiveRun, "log" | "signal" | "report">,
  project: Project,
  localDays: number | undefined,
): Promise<void> {
  if (localDays === undefined) return;
  await using staging = await deps.openDirectory(deps.settings.baseDir, run.log);
  const limit = deps.clock.now() - localDays * dayMs;
  let localFilesCleaned = 0;
  for (const { object, key } of await listStaged(staging, project.name, run.signal)) {
    if (localDays > 0 && object.modifiedAt > limit) continue;
    await staging.delete(object.key, run.signal);
    if (object.key !== manifestKey(key.stem)) localFilesCleaned += 1;
    run.log("debug", `removed the local dump ${object.key}`);
  }
  if (localFilesCleaned > 0) run.log("info", `removed ${localFilesCleaned} local dumps of more than ${localDays} days`);
  run.report({ localFilesCleaned });
}

/** What a crash left: dumps of runs that are known to have ended, of backups that the catalogue does not know. */
export async function collectStaged(
  deps: CleanDeps & Pick<Deps, "state">,
  run: Collector,
  project: Project,
): Promise<void> {
  await using staging = await deps.openDirectory(deps.settings.baseDir, run.log);
  const files = await listStaged(staging, project.name, run.signal);
  if (files.length === 0) return;
  const ended = await findEndedBackups(deps, { project, except: run.id, failedOnly: true });
  const committed = await readRemembered(deps, project.name);
  for (const { object, key } of files) {
    if (!ended.has(key.backupId) || committed.has(key.backupId)) continue;
    await staging.delete(object.key, run.signal);
    run.log("info", `removed ${object.key}, which belongs to no backup`);
  }
}

async function listStaged(
  staging: ObjectStore,
  project: string,
  signal: AbortSignal,
): Promise<{ readonly object: ObjectInfo; readonly key: StagedKey }[]> {
  const found = [];
  for await (const object of staging.list(`${project}/`, signal)) {
    const key = parseStagedKey(object.key);
    if (key?.project === project) found.push({ object, key });
  }
  return found;
}
