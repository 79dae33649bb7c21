// One holder per name, across processes. A holder that is provably dead (other boot, no such process, reused pid)
// loses the lock to the next who asks; a live one, or one on another host, never does.

import type { RunOwner } from "../domain/run/run.ts";

export interface HeldLock extends AsyncDisposable {
  readonly name: string;
}

export interface LockHolder {
  readonly owner: RunOwner;
  readonly since: number; // epoch ms
  readonly purpose: string;
}

export interface Lock {
  /** Throws `lock_held`, with the holder in `details.holder` and in the message. */
  acquire(name: string, purpose: string): Promise<HeldLock>;
  /** Waits for its turn. */
  acquireOrWait(name: string, purpose: string, signal: AbortSignal): Promise<HeldLock>;
  /** The live holder, if any. */
  findHolder(name: string): Promise<LockHolder | undefined>;
  /** Who died holding it, as long as nobody has taken it since. */
  findDead(name: string): Promise<LockHolder | undefined>;
}
