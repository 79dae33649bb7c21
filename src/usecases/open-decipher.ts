// The cipher that opens what a manifest describes: the project's own when it has that scheme, else one made from the
// default key. A backup stays readable when the project's settings have changed since.

import type { Manifest } from "../domain/backup/manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { Deps } from "./deps.ts";

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
