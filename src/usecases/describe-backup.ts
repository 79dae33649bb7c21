// A backup as the catalogue remembers it, from its manifest.

import type { Backup } from "../domain/backup/backup.ts";
import { retentionScheduleOf, type Manifest } from "../domain/backup/manifest.ts";

/** `storages`: names of those that hold it. Pins and verifications are not in a manifest: whoever knows them adds them. */
export function describeBackup(manifest: Manifest, storages: readonly string[]): Backup {
  return {
    id: manifest.backupId,
    project: manifest.project,
    type: manifest.type,
    schedule: retentionScheduleOf(manifest),
    engine: manifest.sources[0]?.type ?? "unknown",
    stem: manifest.stem,
    createdAt: Date.parse(manifest.startedAt),
    finishedAt: Date.parse(manifest.finishedAt),
    sizeBytes: manifest.parts.reduce((sum, part) => sum + part.storedBytes, 0),
    storages,
    pinned: false,
    verification: null,
    encryption: manifest.parts[0]?.encryption?.scheme ?? null,
    warnings: manifest.warnings,
  };
}
