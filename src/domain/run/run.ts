// What a run is: one execution of an operation, with stages, progress, log lines and one terminal status.

import type { ErrorCode } from "../error.ts";

export const runKinds = ["backup", "restore", "verify", "prune", "check", "copy", "unlock"] as const;
export type RunKind = (typeof runKinds)[number];

export const runStatuses = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type RunStatus = (typeof runStatuses)[number];

export const runStages = [
  "notify_started",
  "pre_hook",
  "dump",
  "verify",
  "encrypt",
  "sync",
  "prune",
  "cleanup",
  "post_hook",
  "audit",
  "notify",
  "restore",
  "crash_recovery",
] as const;
export type RunStage = (typeof runStages)[number];

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface RunError {
  readonly code: ErrorCode;
  readonly stage: RunStage;
  readonly message: string;
  readonly hint: string | null;
}

/** The process that executes a run. A run is only declared dead when this owner provably is. */
export interface RunOwner {
  readonly host: string;
  readonly bootId: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (/proc/<pid>/stat field 22), so that a reused pid differs. */
  readonly startTicks: string;
}

/** Times are epoch milliseconds everywhere in the domain; text forms are made at the edges. */
export interface Run {
  readonly id: string;
  readonly project: string;
  readonly kind: RunKind;
  readonly status: RunStatus;
  readonly partial: boolean;
  /** The schedule's name; `manual` for a run from the command line, `safety` for a backup of what a restore is about to replace. */
  readonly trigger: string;
  readonly stage: RunStage | null;
  readonly backupId: string | null;
  readonly owner: RunOwner;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly heartbeatAt: number;
  /** Bytes of the dump that were read from the source. */
  readonly bytes: number;
  readonly retryCount: number;
  readonly warnings: readonly string[];
  readonly error: RunError | null;
  /** Results that only some kinds have: sizes, storages, counts of removed backups, measured restore time. */
  readonly result: Readonly<Record<string, unknown>>;
}

export interface StageRecord {
  readonly stage: RunStage;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly outcome: "running" | "succeeded" | "failed" | "skipped";
  readonly message: string | null;
}

export interface LogLine {
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly stage: RunStage | null;
}

export interface RunProgress {
  readonly stage: RunStage;
  readonly bytesDone: number;
  /** An estimate, absent when the source cannot give one. */
  readonly bytesTotal?: number;
}

/** What the executor tells the outside world; the CLI draws it, the state store keeps it. */
export type RunEvent =
  | { readonly type: "started"; readonly run: Run }
  /** `backupId` from the moment on that something is stored under it: what a crash leaves is known by it. */
  | { readonly type: "stage"; readonly runId: string; readonly record: StageRecord; readonly backupId?: string }
  | { readonly type: "progress"; readonly runId: string; readonly progress: RunProgress }
  | { readonly type: "log"; readonly runId: string; readonly line: LogLine }
  | { readonly type: "finished"; readonly run: Run };

const transitions: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ["running", "cancelled", "failed"],
  running: ["succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

export function canTransition(from: RunStatus, to: RunStatus): boolean {
  return transitions[from].includes(to);
}

export function isTerminal(status: RunStatus): boolean {
  return transitions[status].length === 0;
}
