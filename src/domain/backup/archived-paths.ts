import type { ManifestSource, SourceFacts } from "./manifest.ts";

/** The asset paths that an archive was made of, as its source takes them; an empty list where the manifest does not tell. */
export function archivedPaths({ facts }: Pick<ManifestSource, "facts">): SourceFacts[string] {
  return facts["paths"] ?? [];
}
