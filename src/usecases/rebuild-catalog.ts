// Fills the state store from the manifests found on the storages: after its loss, or on a new machine.

import { toAppError } from "../domain/error.ts";
import type { Backup } from "../domain/backup/backup.ts";
import type { Deps, LogSink } from "./deps.ts";
import { openTargets } from "./open-project.ts";
import { readCatalog, readManifest, readVerification } from "./read-catalog.ts";
import { describeBackup } from "./run-backup.ts";

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
  deps: Pick<Deps, "openStorage" | "state">,
  request: RebuildRequest,
): Promise<RebuildResult> {
  const { signal, log } = request;
  const backups = new Map<string, Backup>();
  const unreadable: { storage: string; what: string; message: string }[] = [];
  await using stack = new AsyncDisposableStack();
  const opened = await openTargets(deps, request.storages, { log }, stack);
  for (const { name, error } of opened.failures)
    unreadable.push({ storage: name, what: "storage", message: error.message });
  for (const target of opened.targets) {
    try {
      const { entries } = await readCatalog(target.store, "", signal);
      for (const entry of entries) {
        try {
          const manifest = await readManifest(target.store, entry.stem, signal);
          const described = describeBackup({ manifest, committed: [target] });
          const known = backups.get(manifest.backupId);
          const verification = entry.hasVerification
            ? { ...(await readVerification(target.store, entry.stem, signal)), storage: target.name }
            : (known?.verification ?? null);
          backups.set(manifest.backupId, {
            ...described,
            storages: [...(known?.storages ?? []), target.name],
            pinned: entry.pinned || known?.pinned === true,
            verification,
          });
        } catch (error) {
          signal.throwIfAborted();
          unreadable.push({ storage: target.name, what: entry.stem, message: toAppError(error).message });
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      unreadable.push({ storage: target.name, what: "listing", message: toAppError(error).message });
    }
  }
  for (const backup of backups.values()) {
    await deps.state.saveBackup(backup);
    if (backup.pinned) await deps.state.savePin(backup.id, true);
    if (backup.verification !== null) await deps.state.saveVerification(backup.id, backup.verification);
  }
  return { backups: backups.size, unreadable };
}
