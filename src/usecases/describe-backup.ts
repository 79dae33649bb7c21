// A backup as the catalogue remembers it, from its manifest.

import type { Backup } from "../domain/backup/backup.ts";
import type { Manifest } from "../domain/backup/manifest.ts";

export function describeBackup(result: {
  readonly manifest: Manifest;
  readonly committed: readonly { readonly name: string }[];
}): Backup {
  const { manifest } = result;
  return {
    id: manifest.backupId,
    project: manifest.project,
    type: manifest.type,
    schedule: manifest.schedule?.ownRetention === true ? manifest.schedule.name : null,
    engine: manifest.sources[0]?.type ?? "unknown",
    stem: manifest.stem,
    createdAt: Date.parse(manifest.startedAt),
    finishedAt: Date.parse(manifest.finishedAt),
    sizeBytes: manifest.parts.reduce((sum, part) => sum + part.storedBytes, 0),
    storages: result.committed.map(({ name }) => name),
    pinned: false,
    verification: null,
    encryption: manifest.parts[0]?.encryption?.scheme ?? null,
    warnings: manifest.warnings,
  };
}
