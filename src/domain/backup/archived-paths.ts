import type { ManifestSource } from "./manifest.ts";

/** The directories that an archive of files was made of; none where its manifest does not tell. */
export function archivedPaths({ facts }: Pick<ManifestSource, "facts">): ManifestSource["facts"][string] {
  return facts["paths"] ?? [];
}
