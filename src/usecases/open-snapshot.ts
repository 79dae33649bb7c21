// A backup in a repository as restores and checks read any other: its manifest and its parts by their keys.

import { AppError } from "../domain/error.ts";
import type { ManifestPath } from "../domain/backup/staged-key.ts";
import type { ObjectReader } from "../ports/object-store.ts";
import type { Repository, Snapshot } from "../ports/repository.ts";

/** `manifest` null: nothing can be read of it by a key. */
export function openSnapshot(
  repository: Pick<Repository, "location" | "readFile">,
  snapshot: Snapshot,
  manifest: ManifestPath | null,
): ObjectReader {
  const location = `${repository.location} (snapshot ${snapshot.shortId})`;
  return {
    location,
    async *read(key, { offset = 0, signal }) {
      if (manifest === null || !key.startsWith(`${manifest.stem}.`)) {
        throw new AppError("object_not_found", `${key} is not in ${location}`);
      }
      const path = `${manifest.directory}${key.slice(key.lastIndexOf("/"))}`;
      let skipped = 0;
      for await (const chunk of repository.readFile(snapshot.id, path, signal)) {
        const from = Math.min(chunk.length, offset - skipped);
        skipped += from;
        if (from < chunk.length) yield from === 0 ? chunk : chunk.subarray(from);
      }
    },
  };
}
