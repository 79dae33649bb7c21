// Tries a request again while that can help: exponential back-off with jitter, a time limit per attempt that follows the
// bytes to be moved and doubles on a line that proves slow, and never again after a refusal.

import { AppError } from "../../../domain/error.ts";
import type { ObjectStoreContext } from "../../../ports/object-store.ts";
import { failureOf, isNoConnection, isPassing } from "./errors.ts";

export interface AttemptPolicy {
  readonly attempts: number;
  /** First pause; doubles each time. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** Of one attempt, before the time for its bytes is added. */
  readonly timeoutMs: number;
  /** The slowest line that an attempt is granted at first. */
  readonly slowestBytesPerSecond: number;
}

export const defaultPolicy: AttemptPolicy = {
  attempts: 8,
  pauseMs: 250,
  maxPauseMs: 20_000,
  timeoutMs: 30_000,
  slowestBytesPerSecond: 64 * 1024,
};

/** A host that refuses or is unknown rarely comes back within seconds, and whoever waits wants to know. */
const attemptsWithoutConnection = 3;

export interface Attempts {
  <T>(task: AttemptTask, attempt: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export interface AttemptTask {
  readonly what: string;
  readonly bytes?: number;
  readonly signal: AbortSignal;
}

export function openAttempts(policy: AttemptPolicy, context: ObjectStoreContext): Attempts {
  return async (task, attempt) => {
    const { what, signal, bytes = 0 } = task;
    const timeoutMs = policy.timeoutMs + (bytes / policy.slowestBytesPerSecond) * 1000;
    for (let number = 1; ; number++) {
      signal.throwIfAborted();
      try {
        return await withTimeout(timeoutMs * 2 ** Math.min(number - 1, 4), what, signal, attempt);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const most = isNoConnection(error) ? Math.min(attemptsWithoutConnection, policy.attempts) : policy.attempts;
        if (number >= most || !isPassing(error)) throw error;
        const pauseMs = Math.min(policy.maxPauseMs, policy.pauseMs * 2 ** (number - 1)) * (0.5 + Math.random() / 2);
        context.log("debug", `${what} failed (${failureOf(error).code}), trying again in ${Math.round(pauseMs)} ms`);
        await pause(pauseMs, signal);
      }
    }
  };
}

async function withTimeout<T>(
  timeoutMs: number,
  what: string,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const seconds = Math.round(timeoutMs / 1000);
  const late = new AppError("storage_unreachable", `${what} had no answer within ${seconds} s`, { retryable: true });
  const timer = setTimeout(() => controller.abort(late), timeoutMs);
  // Whatever the network layer does with an aborted signal, the wait ends here.
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
  });
  aborted.catch(() => {});
  const running = attempt(controller.signal);
  running.catch(() => {});
  try {
    return await Promise.race([running, aborted]);
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}
