// The commit: the manifest, written last, create-only, to each storage, read back and compared. What is not committed
// is taken away again in the order that never leaves a manifest without its parts.

import { AppError } from "../domain/error.ts";
import { manifestKey } from "../domain/backup/object-key.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Deps } from "./deps.ts";
import { readWhole } from "./read-whole.ts";
import { tagStage } from "./stage-error.ts";
import type { NamedStore, StorageFailure } from "./named.ts";

export interface CommitRequest {
  readonly stem: string;
  /** The manifest's exact bytes. */
  readonly manifest: Uint8Array;
  readonly stores: readonly NamedStore[];
  readonly tags: Readonly<Record<string, string>>;
}

export interface CommitResult {
  readonly committed: readonly NamedStore[];
  readonly failures: readonly StorageFailure[];
}

/** A commit that has begun is finished even when the run is cancelled; only this time limit ends it. */
const commitTimeoutMs = 120_000;

/** Storages are committed one after the other; one that fails is a failure of that storage alone. */
export async function commitBackup(deps: Pick<Deps, "reach">, request: CommitRequest): Promise<CommitResult> {
  const committed: NamedStore[] = [];
  const failures: StorageFailure[] = [];
  deps.reach("commit.before_manifest");
  for (const storage of request.stores) {
    try {
      await commitTo(storage, request);
      deps.reach("commit.manifest_written");
      committed.push(storage);
      deps.reach("commit.first_storage_done");
    } catch (error) {
      failures.push({ name: storage.name, error: tagStage(error, "sync") });
    }
  }
  return { committed, failures };
}

async function commitTo({ name, store }: NamedStore, request: CommitRequest): Promise<void> {
  const key = manifestKey(request.stem);
  const signal = AbortSignal.timeout(commitTimeoutMs);
  try {
    await store.create(key, request.manifest, { tags: request.tags, signal });
  } catch (error) {
    // An answer may be lost on its way back: what counts is what the storage holds.
    const held = await readWhole(store, key, AbortSignal.timeout(commitTimeoutMs)).catch(() => undefined);
    if (held === undefined || !equalBytes(held, request.manifest)) throw error;
    return;
  }
  const held = await readWhole(store, key, signal);
  if (equalBytes(held, request.manifest)) return;
  throw new AppError(
    "storage_failed",
    `storage ${name} returned a manifest ${key} that differs from what was written`,
    {
      hint: "run backupctl storage check on it; the backup was not committed there",
    },
  );
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * Removes what an attempt left on a storage: the manifest first. When the manifest cannot be removed the parts stay,
 * for a manifest without its parts would be a backup that cannot be restored. Returns what could not be removed.
 */
export async function discardBackup(
  store: ObjectStore,
  stem: string,
  partKeys: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const key of [manifestKey(stem), ...partKeys]) {
    try {
      await store.delete(key, signal);
    } catch {
      left.push(key);
      if (key === manifestKey(stem)) return [key, ...partKeys];
    }
  }
  return left;
}
