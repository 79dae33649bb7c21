// Our own metadata: runs, their stages and log lines, and the catalogue of backups. Losing it loses no backup:
// manifests on the storages are the truth, and `catalog rebuild` reads them back.
//
// Promises of every adapter (state-store.contract.ts proves them on SQLite and PostgreSQL):
// - Every call is one transaction: all of it or nothing. `migrate` is idempotent and safe when two processes start at once.
// - Lists are paged in the store, newest first. Unreachable or broken: `state_failed`. What a store that is well refuses has
//   `refused` in the details: keeping it for later is no use.

import type { Backup, Verification } from "../domain/backup/backup.ts";
import type { RunChanges } from "../domain/run/audit-write.ts";
import type { AlertStore } from "./state-store-alerts.ts";
import type { OutboxStore } from "./state-store-outbox.ts";
import type { RecoveryStore } from "./state-store-recovery.ts";
import type { ScheduleStore } from "./state-store-schedules.ts";
import type { LogLine, LogLevel, Run, RunKind, RunStatus, StageRecord } from "../domain/run/run.ts";

export interface Page {
  readonly limit: number;
  readonly offset?: number;
}

export interface RunFilter extends Page {
  readonly project?: string;
  readonly kind?: RunKind;
  readonly status?: readonly RunStatus[];
  readonly since?: number; // epoch ms, inclusive
}

export interface LogFilter extends Page {
  /** Lines of this level and above. */
  readonly level?: LogLevel;
  /** Only lines after this one, oldest first: what `watch` polls with. */
  readonly afterSeq?: number;
}

export interface StoredLogLine extends LogLine {
  readonly runId: string;
  readonly seq: number;
}

export interface BackupFilter extends Page {
  readonly project?: string;
  readonly storage?: string;
  readonly type?: Backup["type"];
}

export interface StateStore extends OutboxStore, RecoveryStore, ScheduleStore, AlertStore, AsyncDisposable {
  readonly location: string;
  /** Brings the schema up to date. */
  migrate(): Promise<{ readonly applied: readonly string[]; readonly current: string }>;
  /** Names of migrations with the time each was applied, or null. */
  listMigrations(): Promise<readonly { readonly name: string; readonly appliedAt: number | null }[]>;

  createRun(run: Run): Promise<void>;
  /** Replaces what changed; a terminal run is never changed again (`state_failed`). */
  updateRun(id: string, changes: RunChanges): Promise<void>;
  findRun(idOrPrefix: string): Promise<Run | undefined>;
  listRuns(filter: RunFilter): Promise<readonly Run[]>;
  countRuns(filter: Omit<RunFilter, keyof Page>): Promise<number>;
  /** The newest run of a kind per project, in one query. */
  listLatestRuns(kind: RunKind): Promise<readonly Run[]>;

  saveStage(runId: string, record: StageRecord): Promise<void>;
  listStages(runId: string): Promise<readonly StageRecord[]>;
  appendLog(runId: string, lines: readonly LogLine[]): Promise<void>;
  listLog(runId: string, filter: LogFilter): Promise<readonly StoredLogLine[]>;

  /** Adds or replaces; `storages` of the record replace those known before. */
  saveBackup(backup: Backup): Promise<void>;
  /** The backup is no longer on this storage; on none: the record goes. */
  removeBackupFromStorage(backupId: string, storage: string): Promise<void>;
  saveVerification(backupId: string, verification: Verification): Promise<void>;
  savePin(backupId: string, pinned: boolean): Promise<void>;
  /** By id or unique prefix of one; more than one match: `backup_not_found` with the candidates in details. */
  findBackup(project: string, idOrPrefix: string): Promise<Backup | undefined>;
  listBackups(filter: BackupFilter): Promise<readonly Backup[]>;
}
