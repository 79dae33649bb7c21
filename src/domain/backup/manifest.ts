// The commit record of an archive backup. A backup without one does not exist.

import type { BackupType } from "./backup.ts";

export const manifestFormat = "backupctl-manifest";
export const manifestVersion = 1;

export interface TableCount {
  readonly schema: string;
  readonly table: string;
  readonly rows: number;
}

export interface RowCounts {
  /** Where they were counted: in the dump's own snapshot, in the dump stream, under a read lock, or in the copy that was dumped. */
  readonly method: "snapshot" | "stream" | "lock" | "copy";
  readonly tables: readonly TableCount[];
}

export interface ConsistencyPoint {
  readonly at: string; // ISO 8601, UTC
  /** Engine's own position, if any: exported snapshot id, binlog coordinates, data version. */
  readonly token: string | null;
}

/** What only the source that wrote it understands: encoding, collation, character set, paths … */
export type SourceFacts = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface ManifestSource {
  readonly name: string;
  readonly type: string;
  /** Database name, file or first asset path: what the reader knows it by. */
  readonly object: string;
  readonly serverVersion: string | null;
  readonly toolVersion: string | null;
  readonly consistencyPoint: ConsistencyPoint | null;
  readonly rowCounts: RowCounts | null;
  readonly warnings: readonly string[];
  /** What a restore needs beside the parts. */
  readonly facts: SourceFacts;
}

export interface ManifestPart {
  /** Unique in the backup: `database`, `globals`, `assets`. */
  readonly name: string;
  readonly source: string;
  /** `dump`, `dir.tar`, `sql`, `sqlite`, `files.tar`, `globals.sql`, `archive`. */
  readonly format: string;
  /** Object key relative to the storage's prefix. */
  readonly key: string;
  readonly plainBytes: number;
  readonly compressedBytes: number;
  readonly storedBytes: number;
  readonly plainSha256: string; // 64 hex digits
  readonly storedSha256: string;
  readonly compression: { readonly algorithm: "zstd" | "gzip" | "none"; readonly level: number };
  readonly encryption: { readonly scheme: string; readonly keyId: string } | null;
}

/** Made with the backup's own key over the whole manifest, so that an edited one is found. */
export interface ManifestMac {
  readonly scheme: string;
  readonly keyId: string;
  readonly value: string;
}

/** What lies in the same repository beside the parts, as files under their own paths and not as an archive. */
export interface ManifestSnapshot {
  readonly mode: "combined" | "separate";
  /** Absolute asset paths, as they were saved. */
  readonly paths: readonly string[];
}

export interface Manifest {
  readonly format: typeof manifestFormat;
  readonly formatVersion: typeof manifestVersion;
  readonly backupId: string;
  readonly runId: string;
  readonly project: string;
  readonly type: BackupType;
  /** Name of the schedule that ran; `ownRetention` tells whether it is a retention set of its own. */
  readonly schedule: { readonly name: string; readonly ownRetention: boolean } | null;
  readonly stem: string;
  readonly timeZone: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly host: { readonly name: string; readonly platform: string };
  readonly program: { readonly name: "backupctl"; readonly version: string };
  readonly sources: readonly ManifestSource[];
  readonly parts: readonly ManifestPart[];
  readonly warnings: readonly string[];
  /** Only in a repository. */
  readonly snapshot?: ManifestSnapshot;
  /** Absent or null where nothing is encrypted, or the scheme has no secret to seal with. */
  readonly mac?: ManifestMac | null;
}

/** The schedule whose own retention the backup falls under; null: the project's set. */
export function retentionScheduleOf({ schedule }: Pick<Manifest, "schedule">): string | null {
  return schedule?.ownRetention === true ? schedule.name : null;
}
