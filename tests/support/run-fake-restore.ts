// One restore in the world of fakes, as a test wants it.

import type { Run } from "../../src/domain/run/run.ts";
import { restoreBackup, type RestoreBackupRequest } from "../../src/usecases/restore-backup.ts";
import type { TestDeps } from "./fake-deps.ts";
import { fullRestore } from "../../src/ports/source.ts";

/** How a backup or a file goes into an absent database: all of it, with nobody asked. */
export function intoNewDatabase({ signal }: TestDeps) {
  return {
    mode: "create",
    stopConnections: false,
    options: fullRestore,
    safetyBackup: false,
    agree: async () => true,
    signal,
  } as const satisfies Partial<RestoreBackupRequest>;
}

/** Of the newest backup into the new database `copy`, unless told otherwise. */
export async function restore(world: TestDeps, changes: Partial<RestoreBackupRequest> = {}): Promise<Run> {
  const run = await restoreBackup(world.deps, {
    project: world.project,
    reference: "latest",
    targetProject: world.project,
    intoDatabase: "copy",
    assets: null,
    ...intoNewDatabase(world),
    ...changes,
  });
  await world.flush();
  return run;
}
