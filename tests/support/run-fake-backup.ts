// One backup in the world of fakes, as a test wants it.

import { expect } from "bun:test";
import type { Run } from "../../src/domain/run/run.ts";
import { runBackup, type BackupRequest } from "../../src/usecases/run-backup.ts";
import type { TestDeps } from "./fake-deps.ts";

/** A second later than whatever was before, so that each backup has a time of its own. */
export async function back(world: TestDeps, changes: Partial<BackupRequest> = {}): Promise<Run> {
  await world.clock.advance(1_000);
  const { project, signal } = world;
  const run = await runBackup(world.deps, { project, type: "manual", schedule: null, signal, ...changes });
  await world.flush();
  return run;
}

/** The id of a backup that must succeed. */
export async function backUpOnce(world: TestDeps, changes: Partial<BackupRequest> = {}): Promise<string> {
  const run = await back(world, changes);
  if (run.status !== "succeeded" || run.backupId === null)
    throw new Error(`the backup ${run.status}: ${run.error?.message}`);
  return run.backupId;
}

/** Neither on these storages nor on the server, and no lock. */
export function expectNothingLeft(world: TestDeps, ...names: string[]): void {
  for (const name of names) expect(world.store(name).keys()).toEqual([]);
  expect(world.server.open.size).toBe(0);
  expect(world.locks.holders.size).toBe(0);
}
