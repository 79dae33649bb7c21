// The resolved configuration: what the file, the environment and the defaults come to.
// Adapter settings stay opaque here (`settings`); the adapter that owns the type has validated them.

import type { RetentionPolicy } from "../retention/retention-policy.ts";
import type { RunKind } from "../run/run.ts";

/** Settings of one technology, already validated by its own schema. */
export interface AdapterSpec {
  readonly type: string;
  readonly settings: unknown;
}

/** One source of a project: its database, or its asset paths. */
export interface SourceSpec extends AdapterSpec {
  /** `database` or `assets`: the part names of a backup begin with it. */
  readonly name: string;
}

export interface StorageSpec extends AdapterSpec {
  readonly name: string;
  readonly isDefault: boolean;
}

export type ChannelOutcome = "success" | "failure" | "both" | "all";

export interface ChannelSpec extends AdapterSpec {
  readonly name: string;
  /** `both`: success and failure; `all`: also starts and daily summaries. */
  readonly on: readonly ChannelOutcome[];
  /** Failures are told from this one in a row on; absent: 1. */
  readonly afterFailures?: number;
  /** Empty means every project. */
  readonly projects: readonly string[];
}

export interface CompressionSpec {
  readonly algorithm: "zstd" | "gzip" | "none";
  readonly level: number;
  /** True when the file asks for it; dumps for restic stay plain unless it does. */
  readonly explicit?: boolean;
}

/** Encryption of a project: `type` names a cipher adapter, `settings` are its own. */
export type EncryptionSpec = AdapterSpec;

export interface HooksSpec {
  readonly preBackup?: string;
  readonly postBackup?: string;
  readonly timeoutMs: number;
}

export type VerificationLevel = "checksum" | "structure" | "restore";

export interface VerificationSpec {
  readonly enabled: boolean;
  readonly level: VerificationLevel;
  /** How exact row counts are taken; `off` takes none. */
  readonly rowCounts: "exact" | "lock" | "off";
  /** Where a drill restores to. `server` needs `drillServer`. */
  readonly drillOn: "project" | "server" | "throwaway";
  /** Settings of the source's own type that replace the project's connection for the drill. */
  readonly drillServer?: unknown;
}

export type ScheduleType = "hourly" | "daily" | "weekly" | "monthly" | "custom";

export interface ScheduleSpec {
  readonly name: string;
  readonly kind: Extract<RunKind, "backup" | "verify" | "prune" | "check"> | "forget";
  readonly type: ScheduleType;
  readonly cron: string;
  readonly timeZone: string;
  readonly enabled: boolean;
  /** Storages of this schedule; undefined means the project's. */
  readonly storages?: readonly string[];
  /** A retention of its own makes this schedule a retention set of its own. */
  readonly retention?: RetentionPolicy;
  readonly limits: BandwidthLimits;
}

export interface BandwidthLimits {
  readonly uploadKbps?: number;
  readonly downloadKbps?: number;
}

export interface Project {
  readonly name: string;
  readonly enabled: boolean;
  readonly sources: readonly SourceSpec[];
  /** Names of storages, in the order in which a restore tries them. */
  readonly storages: readonly string[];
  readonly schedules: readonly ScheduleSpec[];
  readonly compression: CompressionSpec;
  readonly encryption: EncryptionSpec | null;
  /** Null: nothing is ever deleted. */
  readonly retention: RetentionPolicy | null;
  readonly hooks: HooksSpec;
  readonly verification: VerificationSpec;
  readonly channels: readonly ChannelSpec[];
  readonly timeoutMs: number | null;
  /** An alert is raised when the newest backup is older. Absent: twice the interval of its schedule. */
  readonly rpoMs?: number;
  /** How a restic storage groups the project's parts: in one snapshot, or one each. Absent: combined. */
  readonly snapshotMode?: "combined" | "separate";
}

/** Environment-wide settings (product names in brackets). */
export interface Settings {
  readonly baseDir: string; // BACKUP_BASE_DIR
  readonly tmpDir: string; // TMP_DIR
  readonly timeZone: string; // TIMEZONE, TZ
  readonly databaseUrl: string; // DATABASE_URL: sqlite:<path> or postgres://…
  /** Which variable named the state store (null: none, it is the default), and which were set too and lost to it. */
  readonly databaseChoice?: { readonly setBy: string | null; readonly ignored: readonly string[] };
  readonly encryptionKey: string | null; // ENCRYPTION_KEY
  readonly previousEncryptionKeys?: readonly string[]; // ENCRYPTION_KEY_PREVIOUS
  readonly encryptionKeyFile: string; // ENCRYPTION_KEY_FILE
  readonly diskMinFreeBytes: number; // HEALTH_DISK_MIN_FREE_GB
  readonly retryCount: number; // BACKUP_RETRY_COUNT
  readonly retryDelayMs: number; // BACKUP_RETRY_DELAY_MS
  readonly stallTimeoutMs: number; // BACKUP_STALL_TIMEOUT_SECONDS
  readonly safetyBackupDays: number; // SAFETY_BACKUP_DAYS
  readonly maxRetentionDays: number | null; // MAX_BACKUP_RETENTION_DAYS, only when set
  readonly logLevel: "debug" | "info" | "warn" | "error"; // LOG_LEVEL
  readonly logDir?: string; // LOG_DIR
  readonly logMaxBytes?: number; // LOG_MAX_SIZE
  readonly logMaxFiles?: number; // LOG_MAX_FILES
  readonly dailySummaryCron?: string; // DAILY_SUMMARY_CRON
  readonly retentionCron?: string; // RETENTION_CRON
  readonly gpgKeysDir?: string; // GPG_KEYS_DIR, only when set
  readonly maxConcurrentRuns?: number; // MAX_CONCURRENT_BACKUPS
  readonly listen?: string; // LISTEN: `:3100` or `host:port`
  readonly tools: ToolDirs;
}

/** Directories or files that come before every search for client programs. */
export interface ToolDirs {
  readonly pgBinDir?: string; // PG_BIN_DIR
  readonly mysqlBinDir?: string; // MYSQL_BIN_DIR
  readonly mongoBinDir?: string; // MONGO_BIN_DIR
  readonly resticBinary?: string; // RESTIC_BINARY
}

export interface Configuration {
  /** The file it was read from; null when there is none (restore --from with nothing but a key). */
  readonly path: string | null;
  readonly projects: readonly Project[];
  readonly storages: readonly StorageSpec[];
  readonly channels: readonly ChannelSpec[];
  readonly settings: Settings;
  /** Every resolved secret, for redaction by value. */
  readonly secrets: readonly string[];
  readonly warnings: readonly ConfigProblem[];
}

export interface ConfigProblem {
  readonly severity: "error" | "warning";
  readonly file: string;
  readonly line: number; // 1-based
  readonly column: number; // 1-based
  /** Dotted path of the key, as `projects[0].database.host`. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}
