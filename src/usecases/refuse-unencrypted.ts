// A project that encrypts trusts no backup that claims to be plain: whoever can write to the storage could have put it
// there, and a dump is code. Such a copy is passed over; when there is no other, somebody has to agree to it.

import { AppError, toAppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { ActiveRun } from "./execute-run.ts";
import type { FoundBackup } from "./find-backup.ts";
import { readManifestOf } from "./read-manifest-of.ts";

/** Says whether a plain backup of a project that encrypts may be used. */
export type AgreeToUnencrypted = (backupId: string) => Promise<boolean>;

/** Throws `backup_unencrypted` when the project encrypts and a part of the backup is plain. */
export function requireEncrypted(project: Pick<Project, "name" | "encryption"> | null, manifest: Manifest): void {
  if (project === null || project.encryption === null) return;
  if (manifest.parts.every((part) => part.encryption !== null)) return;
  const message = `backup ${manifest.backupId} is not encrypted although ${project.name} encrypts its backups`;
  throw new AppError("backup_unencrypted", message, {
    hint: "somebody may have put it there; if you know that it was made before encryption was turned on, give --allow-unencrypted",
    details: { backupId: manifest.backupId },
  });
}

export interface TrustedBackup {
  /** Without the copies that are not to be used. */
  readonly found: FoundBackup;
  /** What `readProvenManifest` holds each copy to when it is opened. */
  readonly unencrypted: "refused" | "allowed";
}

/** Looks before anything is touched. Throws `backup_unencrypted` when every copy is plain and nobody agrees. */
export async function trustedCopies(
  run: Pick<ActiveRun, "warn" | "signal">,
  project: Project,
  found: FoundBackup,
  agree: AgreeToUnencrypted = async () => false,
): Promise<TrustedBackup> {
  if (project.encryption === null) return { found, unencrypted: "allowed" };
  const refusals = new Map<FoundBackup["holders"][number], AppError>();
  for (const holder of found.holders) {
    try {
      requireEncrypted(project, await readManifestOf(holder, run.signal));
    } catch (error) {
      run.signal.throwIfAborted();
      const failure = toAppError(error);
      // Any other fault is met again, and dealt with, when the copy is opened.
      if (failure.code === "backup_unencrypted") refusals.set(holder, failure);
    }
  }
  const refusal = [...refusals.values()][0];
  if (refusal === undefined) return { found, unencrypted: "refused" };
  if (refusals.size === found.holders.length) {
    if (!(await agree(found.manifest.backupId))) throw refusal;
    run.warn(`${refusal.message}; it is used because that was allowed`);
    return { found, unencrypted: "allowed" };
  }
  for (const [{ storage }, { message }] of refusals)
    run.warn(`storage ${storage.name}: ${message}; this copy is not used`);
  return {
    found: { ...found, holders: found.holders.filter((holder) => !refusals.has(holder)) },
    unencrypted: "refused",
  };
}
