// What a successful backup run leaves: objects plus a manifest, on one or several storages.

export const backupTypes = ["hourly", "daily", "weekly", "monthly", "custom", "manual", "safety"] as const;
export type BackupType = (typeof backupTypes)[number];

export interface Verification {
  readonly level: "checksum" | "structure" | "restore";
  readonly passed: boolean;
  readonly at: number;
  readonly storage: string;
  /** Why it failed, or what could not be checked. */
  readonly message: string | null;
  /** Time of a drill's restore, from the first byte read to the last check; null for other levels. */
  readonly restoreMs: number | null;
}

/** One backup as the catalogue knows it; `storages` are those whose manifest was seen. */
export interface Backup {
  readonly id: string;
  readonly project: string;
  readonly type: BackupType;
  /** The schedule with a retention of its own that made it; null: the project's set. */
  readonly schedule: string | null;
  /** `postgres`, `mariadb`, `sqlite`, `files` …: the first source's type. */
  readonly engine: string;
  /** Key prefix of all objects, without the storage's own prefix. */
  readonly stem: string;
  readonly createdAt: number;
  readonly finishedAt: number;
  /** Stored bytes of all parts. */
  readonly sizeBytes: number;
  readonly storages: readonly string[];
  readonly pinned: boolean;
  readonly verification: Verification | null;
  readonly encryption: string | null;
  readonly warnings: readonly string[];
}
