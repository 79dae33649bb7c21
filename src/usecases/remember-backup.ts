// What a committed backup leaves in the state store and in the run's result, and who holds it now.

import type { Backup } from "../domain/backup/backup.ts";
import type { AttemptResult } from "./attempt-backup.ts";
import type { Deps } from "./deps.ts";
import { describeBackup } from "./describe-backup.ts";
import { holderOf, type Holder } from "./read-holders.ts";
import type { SyncedRepository } from "./sync-repositories.ts";

/** Throws what the state store answers, unless `onError` takes it. */
export async function rememberBackup(
  deps: Pick<Deps, "state">,
  result: AttemptResult,
  onError?: (error: unknown) => void,
): Promise<Backup> {
  const storages = [...result.committed, ...result.synced].map(({ name }) => name);
  const described = describeBackup(result.manifest, storages);
  const [first] = result.synced;
  const isOnlyInRepositories = result.committed.length === 0 && first !== undefined;
  const backup = isOnlyInRepositories ? { ...described, sizeBytes: first.bytesProcessed } : described;
  const saving = deps.state.saveBackup(backup);
  await (onError === undefined ? saving : saving.catch(onError));
  return backup;
}

/** Archives first, as a restore finds a part there in one step. */
export function holdersOf({ committed, synced, manifest }: AttemptResult): readonly Holder[] {
  const { backupId, project, stem } = manifest;
  const marks = { pinned: false, hasVerification: false, objects: [] };
  const archives = committed.map((storage): Holder => ({
    storage,
    entry: { backupId, project, stem, ...marks },
    place: { kind: "archive", store: storage.store },
  }));
  return [...archives, ...synced.map((one) => holderOf(one, one.group))];
}

/** By the names that the view `backup_log` and the messages read. */
export function snapshotFacts(synced: readonly SyncedRepository[]): Readonly<Record<string, unknown>> {
  const [first] = synced;
  if (first === undefined) return {};
  const { group, filesNew, filesChanged, bytesAdded } = first;
  return {
    snapshotId: group.main!.snapshot.id,
    snapshotMode: group.facts.content?.kind === "combined" ? "combined" : "separate",
    filesNew,
    filesChanged,
    bytesAdded,
  };
}
