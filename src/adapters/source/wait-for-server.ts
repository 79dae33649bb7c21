// Waits until a server that was just started answers.

export interface ServerWait {
  /** Resolves with the reason when the server's process has ended. */
  readonly ended: Promise<unknown>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** One question; throws as long as there is no answer. */
  ask(): Promise<void>;
}

const pauseMs = 50;

/** Throws why the server ended, the signal's reason, or after the time the last question's error. */
export async function waitForServer({ ended, timeoutMs, signal, ask }: ServerWait): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  let dead: { readonly error: unknown } | undefined;
  void ended.then((error) => (dead = { error }));
  for (;;) {
    signal.throwIfAborted();
    if (dead !== undefined) throw dead.error;
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (performance.now() > deadlineMs) throw error;
      await Bun.sleep(pauseMs);
    }
  }
}
