// The cipher that opens what a manifest describes: the project's own when it has that scheme, else one made from the
// default key. A backup stays readable when the project's settings have changed since.

import { manifestKey } from "../domain/backup/object-key.ts";
import { checkManifest } from "../domain/backup/seal-manifest.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import { readWhole } from "./read-whole.ts";
import type { Deps } from "./deps.ts";
import { parseStoredManifest } from "./read-catalog.ts";
import type { Holder } from "./read-holders.ts";
import { isPlainSnapshot, readManifestOf } from "./read-manifest-of.ts";
import { requireEncrypted } from "./refuse-unencrypted.ts";

/** Null for a backup that is not encrypted. Throws what opening the cipher throws. */
export async function openDecipher(
  deps: Pick<Deps, "openCipher">,
  project: Pick<Project, "encryption"> | null,
  manifest: Pick<Manifest, "parts">,
): Promise<Cipher | null> {
  const scheme = manifest.parts.find((part) => part.encryption !== null)?.encryption?.scheme;
  if (scheme === undefined) return null;
  if (project?.encryption?.type === scheme) return deps.openCipher(project.encryption);
  return deps.openCipher({ type: scheme, settings: {} });
}

export interface ProvenManifest {
  readonly manifest: Manifest;
  readonly cipher: Cipher | null;
}

/**
 * The manifest of one storage, proven by its seal where the key is at hand, with the cipher that opens its parts.
 * `refused`: throws `backup_unencrypted` when the project encrypts and the backup does not.
 */
export async function readProvenManifest(
  deps: Pick<Deps, "openCipher">,
  project: Pick<Project, "name" | "encryption"> | null,
  holder: Holder,
  unencrypted: "refused" | "allowed",
  signal: AbortSignal,
): Promise<ProvenManifest> {
  if (isPlainSnapshot(holder)) return { manifest: await readManifestOf(holder, signal), cipher: null };
  const { stem } = holder.entry;
  const text = new TextDecoder().decode(await readWhole(holder.storage.store, manifestKey(stem), signal));
  const manifest = parseStoredManifest(text, stem);
  if (unencrypted === "refused") requireEncrypted(project, manifest);
  const cipher = await openDecipher(deps, project, manifest);
  await checkManifest(cipher, text);
  return { manifest, cipher };
}
