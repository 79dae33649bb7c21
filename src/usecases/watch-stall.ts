// A hang is false security: a stream that yields nothing for the watchdog's time is ended with an error of its own.
// Only the time spent waiting for the producer counts; a consumer that is slow is not a stall of the producer.

import type { AppError } from "../domain/error.ts";
import type { ByteStream } from "../ports/byte-stream.ts";

/** `onStall` must make the producer give up (abort its signal); the stream throws `stall()` even if it does not. */
export async function* watchStall(
  stream: ByteStream,
  timeoutMs: number,
  stall: () => AppError,
  onStall: (error: AppError) => void,
  /** When the producer last showed life by other means, as `performance.now()`. */
  activeAt: () => number = () => 0,
): ByteStream {
  const iterator = stream[Symbol.asyncIterator]();
  let waitingSince: number | undefined;
  let hasStalled = false;
  // One promise per chunk: racing every chunk against one long-lived promise would keep them all in memory.
  let giveUp: (error: AppError) => void = () => {};
  const nextOrStall = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise((resolve, reject) => {
      giveUp = reject;
      waitingSince = performance.now();
      iterator.next().then(resolve, reject);
    });
  const timer = setInterval(
    () => {
      if (waitingSince === undefined || performance.now() - Math.max(waitingSince, activeAt()) < timeoutMs) return;
      hasStalled = true;
      const error = stall();
      onStall(error);
      giveUp(error);
    },
    Math.max(10, Math.min(1_000, timeoutMs / 4)),
  );
  let ended = false;
  try {
    while (true) {
      const next = await nextOrStall();
      waitingSince = undefined;
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    clearInterval(timer);
    // A generator that is stuck in its own `next` cannot be returned from; its signal was aborted instead.
    if (!ended && !hasStalled) await iterator.return?.();
  }
}
