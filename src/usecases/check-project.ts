// Looks whether what the storages of a project hold is whole, without reading the data back: every manifest can be read and each
// of its parts is there in its length; a repository is checked by its own program. Nothing is changed.

import { AppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { Deps } from "./deps.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { openStorages, storagesOf } from "./open-project.ts";
import { readCatalog, readManifest } from "./read-catalog.ts";
import { tagStage } from "./stage-error.ts";
import type { NamedStore } from "./named.ts";

export interface CheckRequest {
  readonly project: Project;
  readonly storages?: readonly string[] | undefined;
  readonly trigger?: string;
  readonly signal: AbortSignal;
}

/** All storages are looked at; one that is not whole fails the run. Throws `lock_held`. */
export async function checkProject(deps: Deps, request: CheckRequest): Promise<Run> {
  const { project, signal, trigger = "manual" } = request;
  await using _lock = await deps.lock.acquire(project.name, "check");
  return await executeRun(deps, { project: project.name, kind: "check", trigger, signal }, async (run) => {
    await using stack = new AsyncDisposableStack();
    const opened = await openStorages(deps, storagesOf(project, request.storages), { log: run.log }, stack);
    const failures = opened.failures.map(({ error }) => error);
    for (const storage of opened.stores) await attempt(storage.name, () => checkArchives(run, project, storage));
    for (const { name, repository } of opened.repositories) {
      await attempt(name, async () => {
        await repository.check({ readDataPercent: 0 }, run.signal);
        run.log("info", `storage ${name}: the repository is whole`);
      });
    }
    if (failures.length > 0) throw failures[0]!;

    async function attempt(name: string, work: () => Promise<void>): Promise<void> {
      try {
        await run.stage("verify", work);
      } catch (error) {
        run.signal.throwIfAborted();
        const failure = tagStage(error, "verify");
        run.warn(`storage ${name}: ${failure.message}`);
        failures.push(failure);
      }
    }
  });
}

async function checkArchives(run: ActiveRun, project: Project, { name, store }: NamedStore): Promise<void> {
  const { entries } = await readCatalog(store, project.name, run.signal);
  const faults: string[] = [];
  for (const { stem, backupId, objects } of entries) {
    run.signal.throwIfAborted();
    const sizes = new Map(objects.map(({ key, sizeBytes }) => [key, sizeBytes]));
    const manifest = await readManifest(store, stem, run.signal).catch((error: unknown) => {
      run.signal.throwIfAborted();
      if (error instanceof AppError && error.code === "manifest_invalid") return undefined;
      throw error;
    });
    if (manifest === undefined) faults.push(`the manifest of backup ${backupId} cannot be read`);
    for (const { key, storedBytes } of manifest?.parts ?? []) {
      const sizeBytes = sizes.get(key);
      if (sizeBytes === undefined) faults.push(`backup ${backupId}: ${key} is missing`);
      else if (sizeBytes !== storedBytes)
        faults.push(`backup ${backupId}: ${key} has ${sizeBytes} bytes, not ${storedBytes}`);
    }
  }
  for (const fault of faults) run.log("error", `storage ${name}: ${fault}`);
  if (faults.length === 0) {
    run.log("info", `storage ${name}: ${entries.length} backups are whole by their manifests`);
    return;
  }
  throw new AppError("verify_failed", `storage ${name} is not whole: ${faults.length} faults, first ${faults[0]}`, {
    hint: "restore from another storage and make a new backup; the log of this run names every fault",
  });
}
