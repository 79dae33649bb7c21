// Before data is replaced, what is there is backed up: type `safety`, on the target's first storage. When that fails
// the restore does not start.

import { AppError, toAppError } from "../domain/error.ts";
import { newBackupId } from "../domain/backup/object-key.ts";
import type { Project, SourceSpec } from "../domain/project/project.ts";
import { attemptBackup } from "./attempt-backup.ts";
import type { Deps } from "./deps.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { openProject } from "./open-project.ts";
import { preflight } from "./preflight.ts";
import { rememberBackup } from "./remember-backup.ts";
import { tagStage } from "./stage-error.ts";

/** The caller holds the project's lock. Returns the safety backup's id. */
export async function makeSafetyBackup(
  deps: Deps,
  restoreRun: ActiveRun,
  target: Project,
  spec: SourceSpec,
  database: string,
): Promise<string> {
  const settings = deps.settingsAt(spec, database);
  const project: Project = {
    ...target,
    sources: [{ ...spec, settings }],
    storages: target.storages.slice(0, 1),
    verification: { ...target.verification, enabled: true, level: "checksum", rowCounts: "off" },
  };
  restoreRun.log("info", `making a safety backup of ${database} on ${project.storages[0]}`);
  let backupId = "";
  const run = await executeRun(
    deps,
    { project: target.name, kind: "backup", trigger: "safety", signal: restoreRun.signal },
    async (active) => {
      await using stack = new AsyncDisposableStack();
      const opened = await openProject(deps, project, { log: active.log }, stack);
      const ready = await preflight(deps, project, opened, active.signal);
      const result = await attemptBackup(deps, active, {
        backupId: newBackupId(deps.random(8)),
        project,
        type: "safety",
        schedule: null,
        sources: opened.sources,
        stores: ready.stores,
        repositories: ready.repositories,
        cipher: ready.cipher,
        infos: ready.infos,
      });
      backupId = result.manifest.backupId;
      // The backup is there without it.
      await rememberBackup(deps, result).catch((error: unknown) =>
        active.warn(`state store: ${toAppError(error).message}`),
      );
    },
  );
  if (run.status === "succeeded") {
    restoreRun.log(
      "info",
      `safety backup ${backupId} is there; restore it with ${spec.name === "assets" ? "--assets" : "--into-database"} if this restore was a mistake`,
    );
    restoreRun.report({ safetyBackupId: backupId });
    return backupId;
  }
  throw tagStage(
    new AppError(
      "restore_failed",
      `the safety backup of ${database} failed, so the restore did not start: ${run.error?.message ?? run.status}`,
      {
        hint: "mend what failed, or give --no-safety-backup if what is there may be lost",
      },
    ),
    "restore",
  );
}
