// Many readers or one writer, made of locks with one holder each: a reader takes one of a few seats, a writer all of them.
// Whoever waits for seats holds the gate, so that a writer is not passed by readers that come later; what a dead holder left
// is taken over as with any lock.

import { AppError } from "../../domain/error.ts";
import type { HeldLock, Lock } from "../../ports/lock.ts";

export interface SharedLock {
  acquireShared(name: string, purpose: string, signal: AbortSignal): Promise<HeldLock>;
  acquireExclusive(name: string, purpose: string, signal: AbortSignal): Promise<HeldLock>;
}

/** More readers than this at once wait for each other. */
const seats = 8;

export function openSharedLock(lock: Lock): SharedLock {
  const seatNames = (name: string): readonly string[] =>
    Array.from({ length: seats }, (_, index) => `${name}.${index + 1}`);

  return {
    async acquireShared(name, purpose, signal) {
      await using _gate = await lock.acquireOrWait(name, purpose, signal);
      const names = seatNames(name);
      for (const seat of names) {
        const held = await lock.acquire(seat, purpose).catch(unlessHeld);
        if (held !== undefined) return held;
      }
      return await lock.acquireOrWait(names[0]!, purpose, signal);
    },
    async acquireExclusive(name, purpose, signal) {
      await using stack = new AsyncDisposableStack();
      stack.use(await lock.acquireOrWait(name, purpose, signal));
      for (const seat of seatNames(name)) stack.use(await lock.acquireOrWait(seat, purpose, signal));
      const held = stack.move();
      return { name, [Symbol.asyncDispose]: () => held.disposeAsync() };
    },
  };
}

function unlessHeld(error: unknown): undefined {
  if (error instanceof AppError && error.code === "lock_held") return undefined;
  throw error;
}
