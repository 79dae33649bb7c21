// Part of the state store: which slots were due, who took each, and what became of it. state-store-schedules.contract.ts
// proves the promises on every engine.

import type { ScheduleMark, SlotKey, SlotRecord, SlotStatus } from "../domain/schedule/slot-record.ts";
import type { RunOwner } from "../domain/run/run.ts";
import type { Page } from "./state-store.ts";

export interface SlotFilter extends Page {
  readonly project?: string;
  readonly schedule?: string;
  readonly status?: readonly SlotStatus[];
  readonly since?: number; // of slotAt, epoch ms, inclusive
}

export type SlotChanges = Partial<
  Pick<SlotRecord, "status" | "reason" | "runId" | "outcome" | "startedAt" | "finishedAt">
>;

export interface ScheduleStore {
  listScheduleMarks(): Promise<readonly ScheduleMark[]>;
  /** Adds or replaces. */
  saveScheduleMarks(marks: readonly ScheduleMark[]): Promise<void>;
  /**
   * Records those that are not recorded yet, and moves `judgedUntil` of their schedules on. Resolves with the keys of the new ones:
   * of two daemons that ask for one slot exactly one gets it.
   */
  claimSlots(slots: readonly SlotRecord[]): Promise<readonly SlotKey[]>;
  /** Unknown slots and those that are done or skipped already are left alone. */
  updateSlot(key: SlotKey, changes: SlotChanges): Promise<void>;
  /** True for exactly one of those who ask: the slot is no longer the one's that `from` names. */
  takeOverSlot(key: SlotKey, from: RunOwner, to: RunOwner): Promise<boolean>;
  /** Newest slot first; of equal ones the latest recorded. */
  listSlots(filter: SlotFilter): Promise<readonly SlotRecord[]>;
  /** Removes records of slots before a time, except those queued or running; how many. */
  deleteSlotsBefore(slotAt: number): Promise<number>;
}
