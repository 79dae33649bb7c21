// Which schedule is due next, for any number of them: a heap of the next slots, so that one timer is enough.

import type { ScheduleEntry } from "./daemon-schedules.ts";
import { nextSlot, planDue, type DuePlan } from "./slots.ts";

export interface DueSchedule {
  readonly entry: ScheduleEntry;
  readonly plan: DuePlan;
}

export interface Timetable {
  readonly size: number;
  /** When the next one is due; undefined when nothing ever is. */
  nextAt(): number | undefined;
  /** All that is due now, soonest slot first; each is due again at its next slot. */
  takeDue(nowMs: number): readonly DueSchedule[];
  /** After the clock was put back: what comes next is looked for from there. */
  putBack(nowMs: number): void;
}

interface Waiting {
  readonly entry: ScheduleEntry;
  judgedUntil: number;
  nextAt: number;
}

/** `judgedUntil` of an entry: the slots after it are due. */
export function createTimetable(
  entries: readonly { readonly entry: ScheduleEntry; readonly judgedUntil: number }[],
): Timetable {
  const heap: Waiting[] = [];
  for (const { entry, judgedUntil } of entries) add({ entry, judgedUntil, nextAt: 0 });

  function add(waiting: Waiting): void {
    const nextAt = nextSlot(waiting.entry, waiting.judgedUntil);
    if (nextAt === undefined) return;
    waiting.nextAt = nextAt;
    heap.push(waiting);
    rise(heap.length - 1);
  }

  function rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.nextAt <= heap[index]!.nextAt) return;
      swap(index, parent);
      index = parent;
    }
  }

  function sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let soonest = index;
      if (left < heap.length && heap[left]!.nextAt < heap[soonest]!.nextAt) soonest = left;
      if (right < heap.length && heap[right]!.nextAt < heap[soonest]!.nextAt) soonest = right;
      if (soonest === index) return;
      swap(index, soonest);
      index = soonest;
    }
  }

  function swap(a: number, b: number): void {
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  }

  function takeFirst(): Waiting {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      sink();
    }
    return first;
  }

  return {
    get size() {
      return heap.length;
    },
    nextAt: () => heap[0]?.nextAt,
    takeDue(nowMs) {
      const due: DueSchedule[] = [];
      while (heap.length > 0 && heap[0]!.nextAt <= nowMs) {
        const waiting = takeFirst();
        const plan = planDue(waiting.entry, waiting.judgedUntil, nowMs);
        if (plan !== undefined) {
          due.push({ entry: waiting.entry, plan });
          waiting.judgedUntil = plan.run;
        }
        add(waiting);
      }
      return due;
    },
    putBack(nowMs) {
      for (const waiting of heap.splice(0)) {
        waiting.judgedUntil = Math.min(waiting.judgedUntil, nowMs);
        add(waiting);
      }
    },
  };
}
