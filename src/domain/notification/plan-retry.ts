// When a message that was not taken is tried again, and when it is given up.

export interface FailedAttempt {
  /** Attempts before this one. */
  readonly attempts: number;
  readonly createdAt: number;
  readonly now: number;
  readonly retryable: boolean;
  /** What the receiver asked for. */
  readonly retryAfterMs: number | undefined;
}

const firstDelayMs = 30_000;
const longestDelayMs = 3_600_000;
/** Old news helps nobody. */
export const giveUpAfterMs = 24 * 3_600_000;
/** A refusal is not mended by asking again, but a person may mend the channel meanwhile. */
const refusalsTaken = 5;

/** Null: it is given up. */
export function planRetry(attempt: FailedAttempt): { readonly nextAttemptAt: number } | null {
  const { attempts, createdAt, now, retryable, retryAfterMs } = attempt;
  if (now - createdAt >= giveUpAfterMs) return null;
  if (!retryable && attempts + 1 >= refusalsTaken) return null;
  // As long again as it has waited: that doubles, and a burst of attempts at the beginning does not stretch it.
  const delayMs = Math.min(Math.max(now - createdAt, firstDelayMs), longestDelayMs);
  const askedMs = Math.min(Math.max(retryAfterMs ?? 0, 0), longestDelayMs);
  return { nextAttemptAt: now + Math.max(delayMs, askedMs) };
}
