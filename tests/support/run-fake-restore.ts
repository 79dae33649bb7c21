// One restore in the world of fakes, as a test wants it.

import type { Run } from "../../src/domain/run/run.ts";
import { fullRestore } from "../../src/usecases/restore-parts.ts";
import { restoreBackup, type RestoreBackupRequest } from "../../src/usecases/restore-backup.ts";
import type { TestDeps } from "./fake-deps.ts";

/** Of the newest backup into the new database `copy`, unless told otherwise. */
export async function restore(world: TestDeps, changes: Partial<RestoreBackupRequest> = {}): Promise<Run> {
  const run = await restoreBackup(world.deps, {
    project: world.project,
    reference: "latest",
    targetProject: world.project,
    intoDatabase: "copy",
    assets: null,
    mode: "create",
    stopConnections: false,
    options: fullRestore,
    safetyBackup: false,
    agree: async () => true,
    signal: world.signal,
    ...changes,
  });
  await world.flush();
  return run;
}
