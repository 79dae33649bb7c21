// A run, its stages and its log lines as rows, and back.

import type { RunChanges } from "../../domain/run/audit-write.ts";
import type { LogLevel, LogLine, Run, RunStage, StageRecord } from "../../domain/run/run.ts";
import type { StoredLogLine } from "../../ports/state-store.ts";
import type { RunLogRow, RunRow, RunStageRow } from "./schema.ts";

const severities: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** PostgreSQL refuses NUL in a text, and no engine gives half a character back. */
function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => (typeof entry === "string" ? storable(entry) : entry));
}

export function severityOf(level: LogLevel): number {
  return severities[level];
}

export function toRunRow(run: Run): RunRow {
  return {
    id: run.id,
    project: run.project,
    kind: run.kind,
    status: run.status,
    is_partial: run.partial ? 1 : 0,
    triggered_by: run.trigger,
    stage: run.stage,
    backup_id: run.backupId,
    owner: JSON.stringify(run.owner),
    created_at: run.createdAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
    heartbeat_at: run.heartbeatAt,
    bytes: run.bytes,
    retry_count: run.retryCount,
    warnings: toJson(run.warnings),
    error: run.error === null ? null : toJson(run.error),
    result: toJson(run.result),
    log_seq: 0,
  };
}

/** Only the columns that the changes name. */
export function toRunChangesRow(changes: RunChanges): Partial<RunRow> {
  return {
    ...(changes.status !== undefined && { status: changes.status }),
    ...(changes.partial !== undefined && { is_partial: changes.partial ? 1 : 0 }),
    ...(changes.trigger !== undefined && { triggered_by: changes.trigger }),
    ...(changes.stage !== undefined && { stage: changes.stage }),
    ...(changes.backupId !== undefined && { backup_id: changes.backupId }),
    ...(changes.owner !== undefined && { owner: JSON.stringify(changes.owner) }),
    ...(changes.startedAt !== undefined && { started_at: changes.startedAt }),
    ...(changes.finishedAt !== undefined && { finished_at: changes.finishedAt }),
    ...(changes.heartbeatAt !== undefined && { heartbeat_at: changes.heartbeatAt }),
    ...(changes.bytes !== undefined && { bytes: changes.bytes }),
    ...(changes.retryCount !== undefined && { retry_count: changes.retryCount }),
    ...(changes.warnings !== undefined && { warnings: toJson(changes.warnings) }),
    ...(changes.error !== undefined && { error: changes.error === null ? null : toJson(changes.error) }),
    ...(changes.result !== undefined && { result: toJson(changes.result) }),
  };
}

export function toRun(row: RunRow): Run {
  return {
    id: row.id,
    project: row.project,
    kind: row.kind as Run["kind"],
    status: row.status as Run["status"],
    partial: row.is_partial === 1,
    trigger: row.triggered_by,
    stage: row.stage as RunStage | null,
    backupId: row.backup_id,
    owner: JSON.parse(row.owner) as Run["owner"],
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    heartbeatAt: row.heartbeat_at,
    bytes: row.bytes,
    retryCount: row.retry_count,
    warnings: JSON.parse(row.warnings) as string[],
    error: row.error === null ? null : (JSON.parse(row.error) as Run["error"]),
    result: JSON.parse(row.result) as Run["result"],
  };
}

export function toStageRow(runId: string, record: StageRecord, position: number): RunStageRow {
  return {
    run_id: runId,
    stage: record.stage,
    position,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
    outcome: record.outcome,
    message: record.message === null ? null : storable(record.message),
  };
}

export function toStageRecord(row: RunStageRow): StageRecord {
  return {
    stage: row.stage as RunStage,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: row.outcome as StageRecord["outcome"],
    message: row.message,
  };
}

export function toLogRow(runId: string, seq: number, line: LogLine): RunLogRow {
  return {
    run_id: runId,
    seq,
    at: line.at,
    severity: severityOf(line.level),
    stage: line.stage,
    message: storable(line.message),
  };
}

export function toLogLine(row: RunLogRow): StoredLogLine {
  return {
    runId: row.run_id,
    seq: row.seq,
    at: row.at,
    level: levels[row.severity] ?? "info",
    stage: row.stage as RunStage | null,
    message: row.message,
  };
}
