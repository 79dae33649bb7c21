// Slots that a daemon left behind: what it had queued is queued here, what it ran is closed.

import { isTerminal } from "../domain/run/run.ts";
import { scheduleKey, type ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import type { SlotRecord } from "../domain/schedule/slot-record.ts";
import { mayLiveElsewhere } from "./find-dead-runs.ts";
import { keyOf, type HeldSlot } from "./record-slots.ts";
import type { SchedulerDeps } from "./scheduler-deps.ts";

/** Of a daemon that we cannot see, as one on another host: it loses what it did not begin for so long. */
const unseenGraceMs = 10 * 60_000;
const slotsAtOnce = 1_000;

/** Those that are queued here now; `isHeld` names those that already are. */
export async function takeOverSlots(
  deps: SchedulerDeps,
  entries: ReadonlyMap<string, ScheduleEntry>,
  isHeld: (key: string) => boolean,
): Promise<readonly HeldSlot[]> {
  const taken: HeldSlot[] = [];
  const open = await deps.state.listSlots({ status: ["queued", "running"], limit: slotsAtOnce });
  for (const record of open) {
    if (isHeld(keyOf(record))) continue;
    if (JSON.stringify(record.owner) === JSON.stringify(deps.owner)) continue;
    const isDead = deps.isOwnerDead(record.owner);
    if (record.status === "running") await closeIfOver(deps, record, isDead);
    else if (isDead || deps.clock.now() - record.recordedAt > unseenGraceMs) {
      const slot = await takeOver(deps, record, entries.get(scheduleKey(record)));
      if (slot !== undefined) taken.push(slot);
    }
  }
  return taken;
}

async function takeOver(
  deps: SchedulerDeps,
  record: SlotRecord,
  entry: ScheduleEntry | undefined,
): Promise<HeldSlot | undefined> {
  // Another daemon may know a project that this one does not.
  if (entry === undefined && !deps.isOwnerDead(record.owner)) return undefined;
  if (!(await deps.state.takeOverSlot(record, record.owner, deps.owner))) return undefined;
  if (entry === undefined) {
    const reason = "the daemon ended before it began, and the schedule is gone";
    await deps.state.updateSlot(record, { status: "skipped", reason, finishedAt: deps.clock.now() });
    return undefined;
  }
  return {
    entry,
    claim: "ours",
    heldSinceMs: deps.clock.monotonicMs(),
    record: { ...record, owner: deps.owner },
  };
}

async function closeIfOver(deps: SchedulerDeps, record: SlotRecord, isDead: boolean): Promise<void> {
  const run = record.runId === null ? undefined : await deps.state.findRun(record.runId);
  const hasEnded = run !== undefined && isTerminal(run.status);
  if (!hasEnded && (!isDead || (run !== undefined && mayLiveElsewhere(deps, run)))) return;
  const outcome = run?.status === "succeeded" || run?.status === "cancelled" ? run.status : "failed";
  const reason = hasEnded ? (run.error?.message ?? null) : "the daemon ended while it ran";
  await deps.state.updateSlot(record, { status: "done", outcome, reason, finishedAt: deps.clock.now() });
}
