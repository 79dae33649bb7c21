// Pinning a backup and removing one take turns on this machine: between the last look for a pin and the removal nobody is
// told that the backup is pinned.

import type { HeldLock } from "../ports/lock.ts";
import type { Deps } from "./deps.ts";
import { lockBeside } from "./hold-for-reading.ts";

const longestWaitMs = 10_000;

/** A courtesy: where no lock can be taken (a full disk is what prune is called for) both go on without. */
export async function takePinTurn(
  deps: Pick<Deps, "lock">,
  project: string,
  signal: AbortSignal,
): Promise<Pick<HeldLock, typeof Symbol.asyncDispose>> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(longestWaitMs)]);
  try {
    return await deps.lock.acquireOrWait(lockBeside(project, "pins"), "pins", limit);
  } catch {
    signal.throwIfAborted();
    return { [Symbol.asyncDispose]: async () => {} };
  }
}
