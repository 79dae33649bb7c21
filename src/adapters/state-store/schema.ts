// The tables as Kysely sees them, the same on every engine: times are epoch milliseconds, flags are 0 or 1,
// and lists and objects are JSON text.

export interface RunRow {
  readonly id: string;
  readonly project: string;
  readonly kind: string;
  readonly status: string;
  readonly is_partial: number;
  readonly triggered_by: string;
  readonly stage: string | null;
  readonly backup_id: string | null;
  readonly owner: string;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly heartbeat_at: number;
  readonly bytes: number;
  readonly retry_count: number;
  readonly warnings: string;
  readonly error: string | null;
  readonly result: string;
  /** The highest `seq` given to a log line of this run. */
  readonly log_seq: number;
}

export interface RunStageRow {
  readonly run_id: string;
  readonly stage: string;
  /** Order of first appearance within the run. */
  readonly position: number;
  readonly started_at: number;
  readonly finished_at: number | null;
  readonly outcome: string;
  readonly message: string | null;
}

export interface RunLogRow {
  readonly run_id: string;
  readonly seq: number;
  readonly at: number;
  /** 0 debug, 1 info, 2 warn, 3 error: so that "this level and above" is one comparison. */
  readonly severity: number;
  readonly stage: string | null;
  readonly message: string;
}

export interface BackupRow {
  readonly id: string;
  readonly project: string;
  readonly type: string;
  readonly schedule: string | null;
  readonly engine: string;
  readonly stem: string;
  readonly created_at: number;
  readonly finished_at: number;
  readonly size_bytes: number;
  readonly pinned: number;
  /** The newest verification, whose history is in `verifications`. */
  readonly verification: string | null;
  readonly encryption: string | null;
  readonly warnings: string;
}

export interface BackupStorageRow {
  readonly backup_id: string;
  readonly storage: string;
  readonly position: number;
}

export interface VerificationRow {
  readonly backup_id: string;
  readonly verified_at: number;
  readonly storage: string;
  readonly level: string;
  readonly passed: number;
  readonly message: string | null;
  readonly restore_ms: number | null;
}

export interface OutboxRow {
  readonly id: string;
  readonly channel: string;
  readonly notice: string;
  readonly created_at: number;
  readonly status: string;
  readonly attempts: number;
  readonly next_attempt_at: number;
  readonly settled_at: number | null;
  readonly last_error: string | null;
  /** Who is sending it, until the end of the lease. */
  readonly holder: string | null;
  readonly leased_until: number;
}

export interface ScheduleMarkRow {
  readonly project: string;
  readonly schedule: string;
  readonly rule: string;
  readonly since: number;
  readonly judged_until: number;
}

export interface ScheduleSlotRow {
  readonly project: string;
  readonly schedule: string;
  readonly slot_at: number;
  readonly kind: string;
  readonly status: string;
  readonly reason: string | null;
  readonly run_id: string | null;
  readonly outcome: string | null;
  readonly missed_since: number | null;
  readonly owner: string;
  readonly recorded_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

export interface AlertRow {
  readonly id: string;
  /** Null once resolved. */
  readonly open_key: string | null;
  readonly kind: string;
  readonly project: string;
  readonly subject: string;
  readonly message: string;
  readonly opened_at: number;
  readonly resolved_at: number | null;
}

export interface ReplayedEntryRow {
  readonly id: string;
  readonly replayed_at: number;
}

export interface MigrationRow {
  readonly name: string;
  readonly applied_at: number;
}

export interface Tables {
  migrations: MigrationRow;
  runs: RunRow;
  run_stages: RunStageRow;
  run_logs: RunLogRow;
  backups: BackupRow;
  backup_storages: BackupStorageRow;
  verifications: VerificationRow;
  schedule_marks: ScheduleMarkRow;
  schedule_slots: ScheduleSlotRow;
  alerts: AlertRow;
  outbox: OutboxRow;
  replayed_entries: ReplayedEntryRow;
}
