// The refusal that says who holds a lock.

import { AppError } from "../../domain/error.ts";
import type { LockHolder } from "../../ports/lock.ts";

export function lockHeld(name: string, holder: LockHolder, hint?: string): AppError {
  const { owner, purpose, since } = holder;
  const who = `pid ${owner.pid} on ${owner.host}`;
  return new AppError("lock_held", `${name} is locked by ${purpose} (${who}, since ${new Date(since).toISOString()})`, {
    hint: hint ?? "wait until it has finished, or cancel it, then run again",
    details: { holder },
  });
}
