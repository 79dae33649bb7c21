// Results and pins lie beside the backup on the storage, or are tags of its snapshots, so that they survive the state store.

import { AppError } from "../domain/error.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import { pinKey, verifiedKey } from "../domain/backup/object-key.ts";
import { isVerificationTag, pinnedTag, verificationTag } from "../domain/backup/snapshot-tags.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Deps } from "./deps.ts";
import type { SnapshotPlace, Holder } from "./read-holders.ts";

const writeTimeoutMs = 60_000;
/** A change of tags waits for whoever works on the repository. */
const tagTimeoutMs = 600_000;

/** Returns the new id of the snapshot that was marked, undefined for an archive storage. */
export async function recordVerification(
  deps: Pick<Deps, "state">,
  { place, entry }: Pick<Holder, "place" | "entry">,
  manifest: Pick<Manifest, "backupId">,
  verification: Verification,
): Promise<string | undefined> {
  const snapshotId = await (place.kind === "snapshots" ? tagVerification(place, verification) : undefined);
  if (place.kind === "archive") await writeNote(place.store, verifiedKey(entry.stem), verification);
  await ifRemembered(deps.state.saveVerification(manifest.backupId, verification));
  return snapshotId;
}

/** A state store that was lost knows nothing of older backups; what lies on the storage is the truth. */
export async function ifRemembered(saving: Promise<void>): Promise<void> {
  try {
    await saving;
  } catch (error) {
    if (!(error instanceof AppError && error.code === "backup_not_found")) throw error;
  }
}

/** `pin` null takes it away. `at`: epoch ms. */
export async function writePin(
  { place, entry }: Pick<Holder, "place" | "entry">,
  pin: { readonly at: number; readonly reason: string | null } | null,
  signal: AbortSignal,
): Promise<void> {
  if (place.kind === "archive") {
    if (pin === null) await place.store.delete(pinKey(entry.stem), signal);
    else await writeNote(place.store, pinKey(entry.stem), pin);
    return;
  }
  // Every snapshot of the backup, so that nobody else's rules take one of them either.
  for (const { id, tags } of place.group.snapshots) {
    if (tags.includes(pinnedTag) === (pin !== null)) continue;
    const changes = pin === null ? { add: [], remove: [pinnedTag] } : { add: [pinnedTag], remove: [] };
    await place.repository.changeTags(id, changes, signal);
  }
}

async function tagVerification({ repository, group }: SnapshotPlace, verification: Verification): Promise<string> {
  const { id, tags } = group.main?.snapshot ?? group.snapshots[0]!;
  const changes = { add: [verificationTag(verification)], remove: tags.filter(isVerificationTag) };
  return repository.changeTags(id, changes, AbortSignal.timeout(tagTimeoutMs));
}

/** An older note stays until the new one is there: a pin or a result must never be lost to a full disk. */
async function writeNote(store: ObjectStore, key: string, note: unknown): Promise<void> {
  const signal = AbortSignal.timeout(writeTimeoutMs);
  await store.replace(key, new TextEncoder().encode(`${JSON.stringify(note)}\n`), { signal });
}
