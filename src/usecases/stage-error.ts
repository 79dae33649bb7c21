// Remembers which stage an error belongs to, so that a streaming run names the culprit: the source, the cipher or a storage.

import { toAppError, type AppError } from "../domain/error.ts";
import type { RunStage } from "../domain/run/run.ts";
import type { ByteStream } from "../ports/byte-stream.ts";

const stages = new WeakMap<AppError, RunStage>();

/** The innermost stage wins: an error that passes through several layers keeps its first tag. */
export function tagStage(error: unknown, stage: RunStage): AppError {
  const appError = toAppError(error);
  if (!stages.has(appError)) stages.set(appError, stage);
  return appError;
}

/** For a caller that knows better: what was written was no storage. */
export function moveStage(error: unknown, from: RunStage, to: RunStage): AppError {
  const appError = toAppError(error);
  if (stages.get(appError) === from) stages.set(appError, to);
  return appError;
}

/** Undefined for an error that nobody has tagged. */
export function stageOf(error: AppError): RunStage | undefined {
  return stages.get(error);
}

/** Errors thrown by this stream, and not by whoever consumes it, belong to `stage`. */
export async function* atStage(stage: RunStage, stream: ByteStream): ByteStream {
  const iterator = stream[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await iterator.next();
      } catch (error) {
        ended = true;
        throw tagStage(error, stage);
      }
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    if (!ended) await iterator.return?.();
  }
}
