// The manifest of one holder. A snapshot without one describes itself by its paths.

import { manifestFormat, manifestVersion, type Manifest } from "../domain/backup/manifest.ts";
import { AppError } from "../domain/error.ts";
import type { Snapshot } from "../ports/repository.ts";
import { readManifest } from "./read-catalog.ts";
import type { Holder } from "./read-holders.ts";

/** Throws as `readManifest` does; no seal is checked here (open-decipher.ts does). */
export async function readManifestOf({ storage, entry, place }: Holder, signal: AbortSignal): Promise<Manifest> {
  if (place.kind === "snapshots" && place.group.main === null)
    return describeSnapshot(place.group.snapshots[0]!, entry);
  return readManifest(storage.store, entry.stem, signal);
}

/** True for a snapshot that no manifest of ours speaks for. */
export function isPlainSnapshot({ place }: Holder): boolean {
  return place.kind === "snapshots" && place.group.main === null;
}

export interface AssetSnapshot {
  readonly snapshot: Snapshot;
  readonly paths: readonly string[];
}

/** Where the asset paths of a backup lie; throws `backup_corrupt` when a snapshot of it is gone. */
export function assetSnapshotsOf({ place, storage }: Holder, manifest: Manifest): readonly AssetSnapshot[] {
  if (place.kind === "archive" || manifest.snapshot === undefined) return [];
  const { group } = place;
  const wanted = manifest.snapshot.paths;
  const found = group.snapshots
    .map((snapshot) => ({ snapshot, paths: wanted.filter((path) => snapshot.paths.includes(path)) }))
    .filter(({ paths }) => paths.length > 0);
  const missing = wanted.filter((path) => !found.some(({ paths }) => paths.includes(path)));
  if (missing.length === 0 || place.alone === true) return found;
  throw new AppError(
    "backup_corrupt",
    `storage ${storage.name}: the snapshot of ${missing.join(", ")} of backup ${group.backupId} is gone`,
    { hint: "restore from another storage or an older backup; --only db restores the dump alone" },
  );
}

function describeSnapshot(snapshot: Snapshot, entry: Holder["entry"]): Manifest {
  const at = new Date(snapshot.time).toISOString();
  const unknown = { serverVersion: null, toolVersion: null, consistencyPoint: null, rowCounts: null, warnings: [] };
  return {
    format: manifestFormat,
    formatVersion: manifestVersion,
    backupId: entry.backupId,
    runId: "unknown",
    project: entry.project,
    type: "manual",
    schedule: null,
    stem: entry.stem,
    timeZone: "UTC",
    startedAt: at,
    finishedAt: at,
    host: { name: snapshot.host, platform: "unknown" },
    program: { name: "backupctl", version: "unknown" },
    sources: [
      { name: "assets", type: "files", object: snapshot.paths[0] ?? "", ...unknown, facts: { paths: snapshot.paths } },
    ],
    parts: [],
    warnings: [],
    snapshot: { mode: "separate", paths: snapshot.paths },
  };
}
