// Asset paths that lie in a repository as files: the repository's own program brings them, and verifies what it wrote.

import { AppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import type { RestoreTarget } from "../ports/source.ts";
import type { LogSink } from "./deps.ts";
import type { Holder } from "./read-holders.ts";
import { assetSnapshotsOf } from "./read-manifest-of.ts";

export interface ReceiveRequest {
  readonly holder: Holder;
  readonly manifest: Manifest;
  readonly target: RestoreTarget;
  readonly log: LogSink;
  readonly signal: AbortSignal;
  onBytes?(done: number, total: number | null): void;
}

/** True when the backup has asset paths that are no part of it but files of its snapshots. */
export function hasLooseAssets(manifest: Manifest): boolean {
  return (manifest.snapshot?.paths.length ?? 0) > 0;
}

/** Returns warnings. The target still has to be committed. */
export async function receiveAssets(request: ReceiveRequest): Promise<readonly string[]> {
  const { holder, manifest, target, signal } = request;
  const { place } = holder;
  if (place.kind === "archive" || target.receive === undefined) {
    throw new AppError("unsupported", `storage ${holder.storage.name} cannot bring files to this target`);
  }
  const snapshots = assetSnapshotsOf(holder, manifest);
  const paths = snapshots.flatMap((found) => found.paths);
  const warnings: string[] = [];
  const report = await target.receive(
    paths,
    async (path, directory) => {
      const { snapshot } = snapshots.find((found) => found.paths.includes(path))!;
      request.log("info", `restoring ${path} from snapshot ${snapshot.shortId} of ${holder.storage.name}`);
      const onProgress = (progress: { bytesDone: number; bytesTotal: number | null }): void =>
        request.onBytes?.(progress.bytesDone, progress.bytesTotal);
      const restored = await place.repository.restore(snapshot.id, directory, { paths: [path], onProgress }, signal);
      warnings.push(...restored.warnings);
    },
    signal,
  );
  return [...warnings, ...report.warnings];
}
