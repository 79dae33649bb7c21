// The schedule engine with a clock that stands still, a state store that can be stopped, and runs that end when a test says so.

import { openMemoryLock, type MemoryLockPlace } from "../../src/adapters/lock/memory/index.ts";
import { createMemoryState, openMemoryStateStore } from "../../src/adapters/state-store/memory/index.ts";
import { AppError } from "../../src/domain/error.ts";
import type { Run, RunOwner } from "../../src/domain/run/run.ts";
import type { ScheduleEntry } from "../../src/domain/schedule/daemon-schedules.ts";
import type { SlotRecord } from "../../src/domain/schedule/slot-record.ts";
import { makeRun } from "../../src/ports/state-store-samples.contract.ts";
import type { StateStore } from "../../src/ports/state-store.ts";
import { openScheduler, type Scheduler } from "../../src/usecases/run-scheduler.ts";
import type { SchedulerDeps, SlotContext } from "../../src/usecases/scheduler-deps.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

/** Two minutes before two o'clock. */
export const start = Date.parse("2026-11-21T01:58:00Z");
export const minute = 60_000;
export const hour = 60 * minute;

interface Started {
  readonly entry: ScheduleEntry;
  readonly at: number;
  readonly context: SlotContext;
  finish(run?: Run | null): void;
  fail(error: unknown): void;
}

export interface SchedulerBed {
  readonly clock: FakeClock;
  readonly state: StateStore;
  readonly locks: MemoryLockPlace;
  readonly started: Started[];
  readonly lines: string[];
  readonly dead: Set<number>;
  readonly knobs: { isStoreDown: boolean; maxConcurrentRuns: number; runTimeoutMs: number };
  open(pid?: number): Scheduler & { readonly done: Promise<void> };
  slots(): Promise<readonly string[]>;
}

export function entry(project: string, cron: string, more: Partial<ScheduleEntry> = {}): ScheduleEntry {
  return { project, schedule: "default", kind: "backup", cron, timeZone: "UTC", ...more };
}

export function openSchedulerBed(): SchedulerBed {
  const clock = createFakeClock(start);
  const knobs: SchedulerBed["knobs"] = { isStoreDown: false, maxConcurrentRuns: 3, runTimeoutMs: 0 };
  const real = openMemoryStateStore(createMemoryState());
  const state = new Proxy(real, {
    get(target, name: keyof StateStore) {
      const value: unknown = target[name];
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        if (knobs.isStoreDown) throw new AppError("state_failed", "the store is down");
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  const started: Started[] = [];
  const lines: string[] = [];
  const dead = new Set<number>();
  const locks: MemoryLockPlace = { holders: new Map() };
  return {
    clock,
    state: real,
    locks,
    started,
    lines,
    dead,
    knobs,
    open(pid = 1) {
      const owner: RunOwner = { host: "here", bootId: "boot", pid, startTicks: "1" };
      const deps: SchedulerDeps = {
        clock,
        state,
        owner,
        lock: openMemoryLock({ place: locks }),
        isOwnerDead: ({ pid: judged }) => dead.has(judged),
        log: (level, message) => lines.push(`${level}: ${message}`),
        runSlot: (given, context) =>
          new Promise((resolve, reject) => {
            const id = `run${started.length + 1}`;
            context.onRun(id);
            started.push({
              entry: given,
              at: clock.now(),
              context,
              finish: (run = makeRun(id, { status: "succeeded" })) => resolve(run),
              fail: reject,
            });
            context.signal.addEventListener("abort", () => resolve(makeRun(id, { status: "cancelled" })));
          }),
      };
      const scheduler = openScheduler(deps, { ...knobs });
      let done: Promise<void> | undefined;
      return {
        ...scheduler,
        get done() {
          return (done ??= scheduler.run());
        },
      };
    },
    async slots() {
      const slots = await real.listSlots({ limit: 1_000 });
      return slots.map(describeSlot);
    },
  };
}

function describeSlot({ project, schedule, slotAt, status, outcome, reason }: SlotRecord): string {
  const name = schedule === "default" ? project : `${project}/${schedule}`;
  return [name, new Date(slotAt).toISOString().slice(11, 16), status, outcome, reason].filter(Boolean).join(" ");
}
