// A backup and its verifications as rows, and back.

import type { Backup, Verification } from "../../domain/backup/backup.ts";
import type { BackupRow, VerificationRow } from "./schema.ts";

export function toBackupRow(backup: Backup): BackupRow {
  return {
    id: backup.id,
    project: backup.project,
    type: backup.type,
    schedule: backup.schedule,
    engine: backup.engine,
    stem: backup.stem,
    created_at: backup.createdAt,
    finished_at: backup.finishedAt,
    size_bytes: backup.sizeBytes,
    pinned: backup.pinned ? 1 : 0,
    verification: backup.verification === null ? null : JSON.stringify(backup.verification),
    encryption: backup.encryption,
    warnings: JSON.stringify(backup.warnings),
  };
}

export function toBackup(row: BackupRow, storages: readonly string[]): Backup {
  return {
    id: row.id,
    project: row.project,
    type: row.type as Backup["type"],
    schedule: row.schedule,
    engine: row.engine,
    stem: row.stem,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
    sizeBytes: row.size_bytes,
    storages,
    pinned: row.pinned === 1,
    verification: row.verification === null ? null : (JSON.parse(row.verification) as Verification),
    encryption: row.encryption,
    warnings: JSON.parse(row.warnings) as string[],
  };
}

export function toVerificationRow(backupId: string, verification: Verification): VerificationRow {
  return {
    backup_id: backupId,
    verified_at: verification.at,
    storage: verification.storage,
    level: verification.level,
    passed: verification.passed ? 1 : 0,
    message: verification.message,
    restore_ms: verification.restoreMs,
  };
}
