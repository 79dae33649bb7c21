// Time. `monotonicMs` only measures spans; `now` is the wall clock in epoch milliseconds.

export interface Clock {
  now(): number;
  monotonicMs(): number;
  /** Rejects with the signal's reason as soon as it aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
