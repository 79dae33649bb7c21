// The schedule engine: due slots → queue → a few runs at once, one per project at a time. Every due slot leaves a record, and
// the record decides which of several daemons runs it.

import { toAppError, type AppError } from "../domain/error.ts";
import { scheduleKey, type ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import { createTimetable, type DueSchedule, type Timetable } from "../domain/schedule/timetable.ts";
import { markSchedules } from "./mark-schedules.ts";
import { keyOf, openSlotBook, type HeldSlot } from "./record-slots.ts";
import { openSlotQueue } from "./run-queued-slots.ts";
import type { SchedulerDeps, SchedulerOptions } from "./scheduler-deps.ts";
import { takeOverSlots } from "./take-over-slots.ts";

export interface SchedulerState {
  readonly schedules: number;
  readonly queued: number;
  readonly running: number;
  /** Epoch ms. */
  readonly nextAt: number | null;
  /** When the clock was last looked at, epoch ms: old when the engine hangs. */
  readonly lookedAt: number;
}

export interface Scheduler {
  /** Replaces all schedules; what is queued or running goes on. */
  register(entries: readonly ScheduleEntry[]): Promise<void>;
  /** Resolves after `stop`, when nothing runs any more. */
  run(): Promise<void>;
  /** Nothing new is begun; what is queued stays recorded for the next daemon. */
  stop(): void;
  /** Cancels what runs. */
  cancel(reason: AppError): void;
  describe(): SchedulerState;
}

/** How long a change of the wall clock may go unnoticed. */
const longestNapMs = 20_000;
const storeRetryMs = 5_000;
const putBackMs = 60_000;
/** A backup must not fail because its record does: after this long without the store a slot is run without its claim. */
const unclaimedGraceMs = 60_000;
const housekeepingMs = 60_000;
const slotRecordsKeptMs = 30 * 86_400_000;

/** Nothing runs before `run` is called; `register` may be called before and after. */
export function openScheduler(deps: SchedulerDeps, options: SchedulerOptions): Scheduler {
  const { clock } = deps;
  const stopping = new AbortController();
  const book = openSlotBook(deps, (message) => {
    deps.log("warn", `slots cannot be recorded now, it is tried again: ${message}`);
  });
  const queue = openSlotQueue(deps, book, options);
  let timetable: Timetable = createTimetable([]);
  let entries = new Map<string, ScheduleEntry>();
  let napping = new AbortController();
  let isMarked = true;
  let lookedAt = clock.now();
  let housekeptAtMs = Number.NEGATIVE_INFINITY;
  /** Recorded nowhere yet, and not in the queue. */
  let waiting: HeldSlot[] = [];

  async function mark(wanted: readonly ScheduleEntry[]): Promise<void> {
    const { schedules, isKnown } = await markSchedules(deps, wanted);
    if (!isKnown && isMarked) deps.log("warn", "what was missed is looked for when the state store answers again");
    isMarked = isKnown;
    timetable = createTimetable(schedules);
  }

  async function takeDue(): Promise<void> {
    // Before what ran meanwhile is recorded: that would hide what was missed before it.
    if (!isMarked) await markAgain();
    const now = clock.now();
    if (now < lookedAt - putBackMs) {
      deps.log("warn", `the clock was put back by ${Math.round((lookedAt - now) / 1000)} s`);
      timetable.putBack(now);
    }
    lookedAt = now;
    const due = timetable.takeDue(now);
    if (due.length > 0) {
      const slots = due.flatMap((schedule) => holdSlots(schedule));
      waiting.push(...slots.filter(({ record }) => record.status === "queued"));
      await book.add(slots);
    } else if (book.unstored > 0) await book.flush();
    enqueueWaiting();
  }

  async function markAgain(): Promise<void> {
    const { schedules, isKnown } = await markSchedules(deps, [...entries.values()]);
    if (!isKnown) return;
    isMarked = true;
    timetable = createTimetable(schedules);
  }

  function enqueueWaiting(): void {
    const graceFrom = clock.monotonicMs() - unclaimedGraceMs;
    waiting = waiting.filter((slot) => {
      if (slot.claim === "unclaimed" && slot.heldSinceMs > graceFrom) return true;
      if (slot.claim !== "lost") queue.add(slot);
      return false;
    });
    queue.startNext();
  }

  function holdSlots({ entry, plan }: DueSchedule): readonly HeldSlot[] {
    const runAt = new Date(plan.run).toISOString();
    const missed = plan.missed.map((slotAt, index) =>
      hold(entry, slotAt, {
        status: "skipped",
        reason: `missed; it is caught up by the slot of ${runAt}`,
        missedSince: index === 0 ? plan.missedSince : null,
      }),
    );
    // Looked for anew after the store was away: what was begun without it is not begun again.
    const key = keyOf({ ...entry, slotAt: plan.run });
    if (book.isUnclaimed(key) || queue.holds(key)) return missed;
    const before = waiting.find((slot) => isOf(slot, entry)) ?? queue.findQueued(entry);
    if (before === undefined) return [...missed, hold(entry, plan.run, { status: "queued", reason: null })];
    const reason = `the slot of ${new Date(before.record.slotAt).toISOString()} is still queued`;
    return [...missed, hold(entry, plan.run, { status: "skipped", reason })];
  }

  function hold(
    entry: ScheduleEntry,
    slotAt: number,
    more: Pick<HeldSlot["record"], "status" | "reason"> & { readonly missedSince?: number | null },
  ): HeldSlot {
    const now = clock.now();
    return {
      entry,
      claim: "unclaimed",
      heldSinceMs: clock.monotonicMs(),
      record: {
        project: entry.project,
        schedule: entry.schedule,
        slotAt,
        kind: entry.kind,
        runId: null,
        outcome: null,
        missedSince: null,
        owner: deps.owner,
        recordedAt: now,
        startedAt: null,
        finishedAt: more.status === "skipped" ? now : null,
        ...more,
      },
    };
  }

  async function keepHouse(): Promise<void> {
    if (clock.monotonicMs() - housekeptAtMs < housekeepingMs) return;
    housekeptAtMs = clock.monotonicMs();
    try {
      for (const slot of await takeOverSlots(deps, entries, queue.holds)) queue.add(slot);
      await deps.state.deleteSlotsBefore(clock.now() - slotRecordsKeptMs);
    } catch (error) {
      deps.log("warn", `old slots could not be looked through: ${toAppError(error).message}`);
    }
  }

  function napMs(): number {
    const untilNext = (timetable.nextAt() ?? Number.POSITIVE_INFINITY) - clock.now();
    const retry = book.unstored > 0 || waiting.length > 0 || !isMarked ? storeRetryMs : longestNapMs;
    return Math.max(1, Math.min(untilNext, retry));
  }

  return {
    async register(wanted) {
      await mark(wanted);
      entries = new Map(wanted.map((entry) => [scheduleKey(entry), entry]));
      napping.abort();
    },
    async run() {
      while (!stopping.signal.aborted) {
        await keepHouse();
        await takeDue();
        if (stopping.signal.aborted) break;
        napping = new AbortController();
        const wake = AbortSignal.any([napping.signal, stopping.signal]);
        await clock.sleep(napMs(), wake).catch(() => {});
      }
      await queue.drained();
      await book.flush();
    },
    stop() {
      stopping.abort();
      queue.close();
    },
    cancel: (reason) => queue.cancel(reason),
    describe: () => ({
      schedules: entries.size,
      queued: queue.queued + waiting.length,
      running: queue.running,
      nextAt: timetable.nextAt() ?? null,
      lookedAt,
    }),
  };
}

function isOf(slot: HeldSlot, { project, schedule }: ScheduleEntry): boolean {
  return slot.record.project === project && slot.record.schedule === schedule;
}
