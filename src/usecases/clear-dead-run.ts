// Removes what a backup that was cut short left: unfinished writes under its id at once, the rest by the rules of `prune`.
// Where its manifest had been written the backup is committed: it stays, and is remembered.

import { toAppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { LogLevel, Run } from "../domain/run/run.ts";
import { collectStaged } from "./clean-staged.ts";
import { collectDebris, type Collector } from "./collect-debris.ts";
import type { Deps } from "./deps.ts";
import { describeBackup } from "./describe-backup.ts";
import { openStorages, type OpenDeps } from "./open-project.ts";
import { collectSnapshotDebris } from "./prune-snapshots.ts";
import { readHolders } from "./read-holders.ts";
import { readManifestOf } from "./read-manifest-of.ts";

export type ClearDeps = OpenDeps &
  Pick<Deps, "clock" | "state" | "openDirectory" | "settings"> & { log(level: LogLevel, message: string): void };

/** The run is recorded as failed, and the caller holds the project's lock. A storage that is away is passed over. */
export async function clearDeadRun(deps: ClearDeps, project: Project, run: Run, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const collector: Collector = { id: "", signal, log: deps.log, report: () => {} };
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      deps.log("warn", `${what}: ${toAppError(error).message}`);
    }
  };
  if (run.backupId !== null) await attempt("catalogue", () => rememberCommitted(deps, project, run.backupId!, signal));
  const opened = await openStorages(deps, project.storages, { log: deps.log }, stack);
  for (const { name, error } of opened.failures) deps.log("warn", `storage ${name}: ${error.message}`);
  for (const storage of opened.stores) {
    await attempt(`storage ${storage.name}`, () => collectDebris(deps, collector, project, storage, run.backupId));
  }
  for (const named of opened.repositories) {
    // Only locks whose owner is dead.
    await attempt(`storage ${named.name}`, () => named.repository.unlock(signal));
    await attempt(`storage ${named.name}`, () => collectSnapshotDebris(deps, collector, project, named));
  }
  if (opened.repositories.length > 0) await attempt("staging", () => collectStaged(deps, collector, project));
}

async function rememberCommitted(
  deps: ClearDeps,
  project: Project,
  backupId: string,
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const request = { project: project.name, storages: project.storages, log: deps.log, signal };
  const { holders } = await readHolders(deps, request, stack);
  const committed = holders.filter(({ entry }) => entry.backupId === backupId);
  const [first] = committed;
  if (first === undefined) return;
  const storages = committed.map(({ storage }) => storage.name);
  await deps.state.saveBackup(describeBackup(await readManifestOf(first, signal), storages));
  deps.log("info", `backup ${backupId} had been committed on ${storages.join(", ")}; it stays`);
}
