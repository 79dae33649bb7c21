// What became of a slot: every due one leaves a record, also when nothing was run for it.

import type { RunOwner, RunStatus } from "../run/run.ts";
import type { ScheduledKind } from "./daemon-schedules.ts";

export const slotStatuses = ["queued", "running", "done", "skipped"] as const;
export type SlotStatus = (typeof slotStatuses)[number];

/** Unique in the state store: whoever records a slot first is the one that runs it. */
export interface SlotKey {
  readonly project: string;
  readonly schedule: string;
  readonly slotAt: number; // epoch ms
}

export interface SlotRecord extends SlotKey {
  readonly kind: ScheduledKind;
  readonly status: SlotStatus;
  /** Why it was skipped, waits, or ended without a run. */
  readonly reason: string | null;
  readonly runId: string | null;
  /** Of the run, once it has ended. */
  readonly outcome: Extract<RunStatus, "succeeded" | "failed" | "cancelled"> | null;
  /** The first of older missed slots that this record stands for too. */
  readonly missedSince: number | null;
  /** The daemon that recorded it. */
  readonly owner: RunOwner;
  readonly recordedAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** Where a schedule stands: up to `judgedUntil` every slot has its record. */
export interface ScheduleMark {
  readonly project: string;
  readonly schedule: string;
  /** Cron and time zone; another rule begins anew. */
  readonly rule: string;
  /** Since when the rule holds: nothing before it is missed. */
  readonly since: number;
  readonly judgedUntil: number;
}
