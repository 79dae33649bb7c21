// The queue behind the schedules: first come, first served, so many at once, one of a project at a time. A project that the
// command line works on is passed over until its lock is free.

import { AppError, toAppError } from "../domain/error.ts";
import { everyProject, type ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import { keyOf, type HeldSlot, type SlotBook } from "./record-slots.ts";
import type { SchedulerDeps, SchedulerOptions } from "./scheduler-deps.ts";

export interface SlotQueue {
  add(slot: HeldSlot): void;
  /** Begins what may begin now. */
  startNext(): void;
  findQueued(entry: ScheduleEntry): HeldSlot | undefined;
  /** It is queued or runs here. */
  holds(key: string): boolean;
  close(): void;
  cancel(reason: AppError): void;
  /** Resolves when nothing runs; after `close`. */
  drained(): Promise<void>;
  readonly queued: number;
  readonly running: number;
}

const lockRetryMs = 2_000;

export function openSlotQueue(deps: SchedulerDeps, book: SlotBook, options: SchedulerOptions): SlotQueue {
  const { clock } = deps;
  const queue: HeldSlot[] = [];
  const running = new Map<HeldSlot, Promise<void>>();
  /** Projects that have a run here. */
  const busy = new Set<string>();
  const keys = new Set<string>();
  const lockedUntilMs = new Map<string, number>();
  const cancelling = new AbortController();
  const closing = new AbortController();
  let isClosed = false;

  function canStart({ record: { project } }: HeldSlot): boolean {
    return !busy.has(project) && (lockedUntilMs.get(project) ?? 0) <= clock.monotonicMs();
  }

  function startNext(): void {
    while (!isClosed && busy.size < options.maxConcurrentRuns) {
      const index = queue.findIndex(canStart);
      if (index < 0) return;
      const [slot] = queue.splice(index, 1);
      const { project } = slot!.record;
      busy.add(project);
      begin(slot!, () => {
        busy.delete(project);
        startNext();
      });
    }
  }

  function begin(slot: HeldSlot, onEnd: () => void): void {
    const work = start(slot).finally(() => {
      running.delete(slot);
      if (!queue.includes(slot)) keys.delete(keyOf(slot.record));
      onEnd();
    });
    running.set(slot, work);
  }

  /** Never throws. */
  async function start(slot: HeldSlot): Promise<void> {
    if (await isLocked(slot)) return;
    if (!(await isStillOurs(slot)) || isClosed) return;
    const { entry } = slot;
    await using limits = limitRun(entry);
    book.change(slot, { status: "running", startedAt: clock.now(), reason: null });
    try {
      const onRun = (runId: string): void => book.change(slot, { runId });
      const run = await deps.runSlot(entry, { signal: limits.signal, onRun });
      const outcome = run === null || run.status === "succeeded" ? "succeeded" : run.status;
      book.change(slot, {
        status: "done",
        outcome: outcome === "failed" || outcome === "cancelled" ? outcome : "succeeded",
        reason: run?.error?.message ?? null,
        finishedAt: clock.now(),
        ...(run === null ? {} : { runId: run.id }),
      });
    } catch (error) {
      const failure = toAppError(error);
      deps.log("error", `${entry.project}: the ${entry.kind} of schedule ${entry.schedule}: ${failure.message}`);
      const outcome = failure.code === "cancelled" ? "cancelled" : "failed";
      book.change(slot, { status: "done", outcome, reason: failure.message, finishedAt: clock.now() });
    }
  }

  /** Back to the front of the queue, without a place among the runs. */
  async function isLocked(slot: HeldSlot): Promise<boolean> {
    const { project } = slot.record;
    if (project === everyProject) return false;
    const holder = await deps.lock.findHolder(project).catch(() => undefined);
    lockedUntilMs.delete(project);
    if (holder === undefined) return false;
    lockedUntilMs.set(project, clock.monotonicMs() + lockRetryMs);
    const reason = `waits for the ${holder.purpose} of process ${holder.owner.pid} on ${holder.owner.host}`;
    if (slot.record.reason !== reason) book.change(slot, { reason });
    queue.unshift(slot);
    void clock.sleep(lockRetryMs, closing.signal).then(startNext, () => {});
    return true;
  }

  /** A daemon that was thought dead may find that another one took its slots. */
  async function isStillOurs(slot: HeldSlot): Promise<boolean> {
    if (slot.claim !== "ours") return slot.claim === "unclaimed";
    try {
      return await deps.state.takeOverSlot(slot.record, deps.owner, deps.owner);
    } catch {
      return true;
    }
  }

  function limitRun(entry: ScheduleEntry): { readonly signal: AbortSignal } & AsyncDisposable {
    const ended = new AbortController();
    const late = new AbortController();
    const { runTimeoutMs } = options;
    if (runTimeoutMs > 0) {
      const message = `the ${entry.kind} of ${entry.project} took longer than --run-timeout (${Math.round(runTimeoutMs / 1000)} s)`;
      void clock
        .sleep(runTimeoutMs, ended.signal)
        .then(() => late.abort(new AppError("timed_out", message, { hint: "give it more time, or 0 for no limit" })))
        .catch(() => {});
    }
    return {
      signal: AbortSignal.any([cancelling.signal, late.signal]),
      async [Symbol.asyncDispose]() {
        ended.abort();
      },
    };
  }

  return {
    add(slot) {
      keys.add(keyOf(slot.record));
      // What is done for all of them is no run, and waits for none.
      if (slot.record.project === everyProject && !isClosed) begin(slot, () => {});
      else {
        queue.push(slot);
        startNext();
      }
    },
    startNext,
    findQueued: ({ project, schedule }) =>
      queue.find(({ record }) => record.project === project && record.schedule === schedule),
    holds: (key) => keys.has(key),
    close() {
      isClosed = true;
      closing.abort();
    },
    cancel: (reason) => cancelling.abort(reason),
    async drained() {
      while (running.size > 0) await Promise.all(running.values());
    },
    get queued() {
      return queue.length;
    },
    get running() {
      return running.size;
    },
  };
}
