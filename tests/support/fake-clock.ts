// A clock that stands still until a test moves it. Sleepers wake in the order of their times.

import type { Clock } from "../../src/ports/clock.ts";

export interface FakeClock extends Clock {
  /** Moves both clocks on and wakes whoever is due; resolves when those have run. */
  advance(milliseconds: number): Promise<void>;
  /** Sets the wall clock alone, as an administrator does; sleepers do not notice. */
  setNow(epochMs: number): void;
  /** How many wait now. */
  readonly sleepers: number;
}

interface Sleeper {
  readonly wakesAtMs: number;
  wake(): void;
}

export function createFakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  const sleepers = new Set<Sleeper>();
  let nowMs = startMs;
  let monotonicMs = 0;

  return {
    now: () => nowMs,
    monotonicMs: () => monotonicMs,
    get sleepers() {
      return sleepers.size;
    },
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      if (milliseconds <= 0) return;
      await new Promise<void>((resolve, reject) => {
        const settle = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", onAbort);
        };
        const sleeper: Sleeper = {
          wakesAtMs: monotonicMs + milliseconds,
          wake() {
            settle();
            resolve();
          },
        };
        const onAbort = (): void => {
          settle();
          reject(signal!.reason);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        sleepers.add(sleeper);
      });
    },
    async advance(milliseconds) {
      const endMs = monotonicMs + milliseconds;
      for (;;) {
        // Whoever wakes may sleep again before the end: let it, then look once more.
        await new Promise((resolve) => setImmediate(resolve));
        const due = [...sleepers].filter(({ wakesAtMs }) => wakesAtMs <= endMs);
        const next = due.toSorted((a, b) => a.wakesAtMs - b.wakesAtMs)[0];
        const stepMs = Math.max(0, (next?.wakesAtMs ?? endMs) - monotonicMs);
        monotonicMs += stepMs;
        nowMs += stepMs;
        if (next === undefined) return;
        next.wake();
      }
    },
    setNow(epochMs) {
      nowMs = epochMs;
    },
  };
}
