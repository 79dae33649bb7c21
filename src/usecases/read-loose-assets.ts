// Reads all files of a backup that lie in a repository as they are: its program verifies every block that it reads.

import { AppError, toAppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import type { LogSink } from "./deps.ts";
import type { Holder } from "./read-holders.ts";
import { assetSnapshotsOf } from "./read-manifest-of.ts";

/** Throws `backup_corrupt` for a path that is gone, and what the repository answers. */
export async function readLooseAssets(
  holder: Holder,
  manifest: Manifest,
  log: LogSink,
  signal: AbortSignal,
): Promise<void> {
  const { place, storage } = holder;
  if (place.kind === "archive") return;
  for (const { snapshot, paths } of assetSnapshotsOf(holder, manifest)) {
    for (const path of paths) {
      let bytes = 0;
      try {
        for await (const chunk of place.repository.readFile(snapshot.id, path, signal)) bytes += chunk.length;
      } catch (error) {
        signal.throwIfAborted();
        const failure = toAppError(error);
        if (failure.code !== "object_not_found") throw failure;
        throw new AppError(
          "backup_corrupt",
          `storage ${storage.name}: ${path} is not in snapshot ${snapshot.shortId}`,
          {
            hint: "make a new backup, and restore from another one",
            cause: failure,
          },
        );
      }
      log("debug", `storage ${storage.name}: ${path} read, ${bytes} bytes`);
    }
  }
}
