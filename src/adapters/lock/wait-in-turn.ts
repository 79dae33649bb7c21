// Those of one process who wait for the same name wait in line: only the first of them looks whether it is free.

import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../domain/error.ts";
import type { HeldLock } from "../../ports/lock.ts";

const firstPauseMs = 20;
const longestPauseMs = 500;

export interface WaitingLine {
  /** Tries again and again while the attempt fails with `lock_held` and a holder. */
  wait(name: string, attempt: () => Promise<HeldLock>, signal: AbortSignal): Promise<HeldLock>;
}

export function createWaitingLine(): WaitingLine {
  const last = new Map<string, Promise<unknown>>();

  return {
    async wait(name, attempt, signal) {
      signal.throwIfAborted();
      const before = last.get(name) ?? Promise.resolve();
      const turn = Promise.withResolvers<void>();
      const mine = before.then(() => turn.promise);
      last.set(name, mine);
      try {
        await unlessAborted(before, signal);
        return await tryUntilFree(attempt, signal);
      } finally {
        turn.resolve();
        if (last.get(name) === mine) last.delete(name);
      }
    },
  };
}

async function tryUntilFree(attempt: () => Promise<HeldLock>, signal: AbortSignal): Promise<HeldLock> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof AppError && error.code === "lock_held" && "holder" in error.details)) throw error;
    }
    // Not in step with other processes that wait.
    await sleep(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Resolves with the promise, or rejects with the signal's reason; leaves no listener behind. */
async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  signal.throwIfAborted();
}
