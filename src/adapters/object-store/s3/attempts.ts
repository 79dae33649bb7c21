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
  <T>(task: AttemptTask, attempt: Attempt<T>): Promise<T>;
}

/** `onLength` may be told, once the answer begins, how many bytes there really are to wait for. */
export type Attempt<T> = (signal: AbortSignal, onLength: (bytes: number) => void) => Promise<T>;

export interface AttemptTask {
  readonly what: string;
  readonly bytes?: number;
  readonly signal: AbortSignal;
}

export function openAttempts(policy: AttemptPolicy, context: ObjectStoreContext): Attempts {
  return async (task, attempt) => {
    const { what, signal, bytes = 0 } = task;
    for (let number = 1; ; number++) {
      signal.throwIfAborted();
      // A slow line is granted more time for its bytes; a store that says nothing is not.
      const bytesPerMs = policy.slowestBytesPerSecond / 1000 / 2 ** Math.min(number - 1, 4);
      const limitFor = (length: number): number => policy.timeoutMs + length / bytesPerMs;
      try {
        return await withTimeout(limitFor, bytes, what, signal, attempt);
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
  limitFor: (bytes: number) => number,
  bytes: number,
  what: string,
  signal: AbortSignal,
  attempt: Attempt<T>,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  let timer: Timer | undefined;
  function setLimit(length: number): void {
    clearTimeout(timer);
    const timeoutMs = limitFor(length);
    const message = `${what} had no answer within ${Math.round(timeoutMs / 1000)} s`;
    timer = setTimeout(() => {
      controller.abort(new AppError("storage_unreachable", message, { retryable: true }));
    }, timeoutMs);
  }
  setLimit(bytes);
  // Whatever the network layer does with an aborted signal, the wait ends here.
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
  });
  aborted.catch(() => {});
  const running = attempt(controller.signal, (length) => {
    if (length < bytes && !controller.signal.aborted) setLimit(length);
  });
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
