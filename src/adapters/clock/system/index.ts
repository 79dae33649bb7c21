// The machine's own clocks.

import type { Clock } from "../../../ports/clock.ts";

/** Longer waits than this overflow the runtime's timers, which then fire at once. */
const maxTimerMs = 2_000_000_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(milliseconds, signal) {
    signal?.throwIfAborted();
    const until = performance.now() + milliseconds;
    for (let leftMs = milliseconds; leftMs > 0; leftMs = until - performance.now()) {
      await wait(Math.min(leftMs, maxTimerMs), signal);
    }
  },
};

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
