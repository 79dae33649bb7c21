// Where a repository lies in a test of the adapter itself, and the adapter on it.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/repository/restic/index.ts";
import type { ResticConfig } from "../../src/adapters/repository/restic/config.ts";
import type { Repository, RepositoryContext } from "../../src/ports/repository.ts";
import { writeQuickRepository } from "./quick-repository.ts";
import { findTool } from "./tools.ts";

export const placePassword = "canary-repository-5d1e";
export const resticProgram = findTool("restic") ?? "restic";

export interface Place extends AsyncDisposable {
  /** Of the test, with the repository in it when it is local. */
  readonly directory: string;
  readonly repositoryPath: string;
  open(settings?: Partial<ResticConfig>, context?: Partial<RepositoryContext>): Repository;
  /** Names of the lock files that are finished. */
  locks(): Promise<readonly string[]>;
}

/** `repository` when it lies elsewhere; a local one is made at once unless `isMade` is false. */
export async function openPlace(
  options: { readonly repository?: string; readonly isMade?: boolean } = {},
): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "backupctl-restic-repo-"));
  const repositoryPath = join(directory, "repo");
  const cache = join(directory, "cache");
  if (options.repository === undefined && options.isMade !== false) {
    await writeQuickRepository(repositoryPath, placePassword);
  }
  return {
    directory,
    repositoryPath,
    open: ({ env, ...settings } = {}, context = {}) =>
      open(
        {
          repository: options.repository ?? repositoryPath,
          password: placePassword,
          lock_wait_minutes: 10,
          ...settings,
          env: { RESTIC_CACHE_DIR: cache, ...env },
        },
        { tmpDir: directory, host: "one.example", program: resticProgram, log() {}, ...context },
      ),
    // What restic had not finished to write is no lock.
    locks: async () => (await readdir(join(repositoryPath, "locks"))).filter((name) => !name.includes("-tmp-")),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
