// Results and pins lie beside the backup on the storage, so that they survive the state store.

import { AppError } from "../domain/error.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import { pinKey, verifiedKey } from "../domain/backup/object-key.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Deps } from "./deps.ts";
import type { Target } from "./store-part.ts";

const writeTimeoutMs = 60_000;

export async function recordVerification(
  deps: Pick<Deps, "state">,
  target: Target,
  manifest: Pick<Manifest, "backupId" | "stem">,
  verification: Verification,
): Promise<void> {
  await replaceObject(target.store, verifiedKey(manifest.stem), verification);
  await ifRemembered(deps.state.saveVerification(manifest.backupId, verification));
}

/** A state store that was lost knows nothing of older backups; what lies on the storage is the truth. */
export async function ifRemembered(saving: Promise<void>): Promise<void> {
  try {
    await saving;
  } catch (error) {
    if (!(error instanceof AppError && error.code === "backup_not_found")) throw error;
  }
}

export async function writePin(
  store: ObjectStore,
  stem: string,
  pin: { readonly at: number; readonly reason: string | null },
): Promise<void> {
  await replaceObject(store, pinKey(stem), pin);
}

/** These are notes about a backup, not the backup: they may be replaced. */
async function replaceObject(store: ObjectStore, key: string, value: unknown): Promise<void> {
  const signal = AbortSignal.timeout(writeTimeoutMs);
  await store.delete(key, signal);
  await store.create(key, new TextEncoder().encode(`${JSON.stringify(value)}\n`), { signal });
}
