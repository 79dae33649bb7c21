// Fills the state store from the manifests found on the storages: after its loss, or on a new machine.

import { toAppError } from "../domain/error.ts";
import type { Backup } from "../domain/backup/backup.ts";
import type { Deps, LogSink } from "./deps.ts";
import { describeBackup } from "./describe-backup.ts";
import type { OpenDeps } from "./open-project.ts";
import { readVerification } from "./read-catalog.ts";
import { readHolders, taggedVerification, type Holder, type UnreadStorage } from "./read-holders.ts";
import { readManifestOf } from "./read-manifest-of.ts";
import { sizeOf } from "./snapshot-groups.ts";

export interface RebuildRequest {
  readonly storages: readonly string[];
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export interface RebuildResult {
  readonly backups: number;
  readonly unreadable: readonly { readonly storage: string; readonly what: string; readonly message: string }[];
}

/** A manifest or a storage that cannot be read is reported and the rest goes on; nothing is deleted from the store. */
export async function rebuildCatalog(
  deps: OpenDeps & Pick<Deps, "state">,
  request: RebuildRequest,
): Promise<RebuildResult> {
  const { signal, log } = request;
  const backups = new Map<string, Backup>();
  await using stack = new AsyncDisposableStack();
  const read = await readHolders(deps, { project: "", storages: request.storages, log, signal }, stack);
  const describeFailure = ({ name, error, isOpen }: UnreadStorage) => ({
    storage: name,
    what: isOpen ? "listing" : "storage",
    message: error.message,
  });
  const unreadable = read.failures.filter(({ isOpen }) => !isOpen).map(describeFailure);
  for (const holder of read.holders) {
    const { storage, entry } = holder;
    try {
      const backup = await describe(holder);
      const known = backups.get(backup.id);
      backups.set(backup.id, {
        ...(known ?? backup),
        storages: [...(known?.storages ?? []), storage.name],
        pinned: entry.pinned || known?.pinned === true,
        verification: backup.verification ?? known?.verification ?? null,
      });
    } catch (error) {
      signal.throwIfAborted();
      unreadable.push({ storage: storage.name, what: entry.stem, message: toAppError(error).message });
    }
  }
  unreadable.push(...read.failures.filter(({ isOpen }) => isOpen).map(describeFailure));
  for (const backup of backups.values()) {
    await deps.state.saveBackup(backup);
    if (backup.pinned) await deps.state.savePin(backup.id, true);
    if (backup.verification !== null) await deps.state.saveVerification(backup.id, backup.verification);
  }
  return { backups: backups.size, unreadable };

  async function describe(holder: Holder): Promise<Backup> {
    const { storage, entry, place } = holder;
    const described = describeBackup(await readManifestOf(holder, signal), [storage.name]);
    const verification = entry.hasVerification
      ? (taggedVerification(holder) ?? {
          ...(await readVerification(storage.store, entry.stem, signal)),
          storage: storage.name,
        })
      : null;
    const sizeBytes = place.kind === "snapshots" ? sizeOf(place.group) : null;
    return { ...described, verification, ...(sizeBytes === null ? {} : { sizeBytes }) };
  }
}
