// One write to the state store as data, so that it can be kept elsewhere and done later.

import type { Backup, Verification } from "../backup/backup.ts";
import type { LogLine, Run, StageRecord } from "./run.ts";

export type RunChanges = Partial<Omit<Run, "id" | "project" | "kind" | "createdAt">>;

export type AuditWrite =
  | { readonly op: "createRun"; readonly run: Run }
  | { readonly op: "updateRun"; readonly id: string; readonly changes: RunChanges }
  | { readonly op: "saveStage"; readonly runId: string; readonly record: StageRecord }
  /** `firstSeq`: the number of the first line within its run, so that lines that were stored after all are known. */
  | { readonly op: "appendLog"; readonly runId: string; readonly firstSeq: number; readonly lines: readonly LogLine[] }
  | { readonly op: "saveBackup"; readonly backup: Backup }
  | { readonly op: "removeBackupFromStorage"; readonly backupId: string; readonly storage: string }
  | { readonly op: "saveVerification"; readonly backupId: string; readonly verification: Verification }
  | { readonly op: "savePin"; readonly backupId: string; readonly pinned: boolean };
