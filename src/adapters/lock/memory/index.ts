// A lock within one process: for tests of what is above the port.

import type { RunOwner } from "../../../domain/run/run.ts";
import type { HeldLock, Lock, LockHolder } from "../../../ports/lock.ts";
import { lockHeld } from "../lock-held.ts";
import { currentOwner } from "../owner.ts";
import { createWaitingLine } from "../wait-in-turn.ts";

export interface MemoryLockPlace {
  readonly holders: Map<string, LockHolder>;
}

export interface MemoryLockOptions {
  /** Shared by locks that stand for several processes. */
  readonly place?: MemoryLockPlace;
  readonly owner?: RunOwner;
  isOwnerDead?(owner: RunOwner): boolean;
}

export function openMemoryLock(options: MemoryLockOptions = {}): Lock {
  const { holders } = options.place ?? { holders: new Map<string, LockHolder>() };
  const owner = options.owner ?? currentOwner();
  const line = createWaitingLine();

  // Nothing may happen between looking and taking: hence not asynchronous.
  function findLive(name: string): LockHolder | undefined {
    const holder = holders.get(name);
    return holder === undefined || options.isOwnerDead?.(holder.owner) ? undefined : holder;
  }

  async function acquire(name: string, purpose: string): Promise<HeldLock> {
    const holder = findLive(name);
    if (holder !== undefined) throw lockHeld(name, holder);
    const mine: LockHolder = { owner, since: Date.now(), purpose };
    holders.set(name, mine);
    return {
      name,
      async [Symbol.asyncDispose]() {
        if (holders.get(name) === mine) holders.delete(name);
      },
    };
  }

  return {
    acquire,
    acquireOrWait: (name, purpose, signal) => line.wait(name, () => acquire(name, purpose), signal),
    findHolder: async (name) => findLive(name),
    findDead: async (name) => (findLive(name) === undefined ? holders.get(name) : undefined),
  };
}
