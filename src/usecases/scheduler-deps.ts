// What the schedule engine asks for.

import type { Run, RunOwner } from "../domain/run/run.ts";
import type { ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import type { Deps } from "./deps.ts";

export interface SlotContext {
  readonly signal: AbortSignal;
  /** To be called when the run has its id. */
  onRun(runId: string): void;
}

export interface SchedulerDeps extends Pick<Deps, "clock" | "state" | "owner" | "lock"> {
  /** True only when it provably cannot be running any more. */
  isOwnerDead(owner: RunOwner): boolean;
  /** Runs what the slot asks for; null when that leaves no run. */
  runSlot(entry: ScheduleEntry, context: SlotContext): Promise<Run | null>;
  /** The daemon's own log. */
  log(level: "info" | "warn" | "error", message: string): void;
}

export interface SchedulerOptions {
  readonly maxConcurrentRuns: number;
  /** 0: a run may take as long as it does. */
  readonly runTimeoutMs: number;
}
