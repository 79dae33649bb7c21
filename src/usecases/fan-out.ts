// One stream into several storages at once. Each storage has a short queue of its own, so that a hiccup of one does not
// stop the others; a storage that fails or stalls is dropped and the rest go on; the last one failing ends the stream.

import { AppError, toAppError } from "../domain/error.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { ObjectInfo, ObjectWriter } from "../ports/object-store.ts";
import { tagStage } from "./stage-error.ts";
import type { StorageFailure } from "./named.ts";

export interface Sink {
  readonly name: string;
  readonly writer: ObjectWriter;
  /** Ends whatever the writer is waiting for. */
  abort(reason: AppError): void;
}

export interface FanOutResult {
  readonly stored: readonly { readonly name: string; readonly info: ObjectInfo }[];
  readonly failures: readonly StorageFailure[];
}

export interface FanOutOptions {
  /** A storage that accepts nothing for this long is given up. */
  readonly stallTimeoutMs: number;
  /** Called for a chunk that every storage has taken; its memory may be used again. */
  freeChunk(chunk: Uint8Array): void;
}

/** Enough to bridge one slow part upload; chunks are shared between queues, not copied. */
const queueLimitBytes = 4 * 1024 * 1024;
/** A storage that does not even let go in this time is left alone: what it keeps is discarded or collected later. */
const abortGraceMs = 30_000;

/** Reads `stream` to its end. Throws the stream's own error, or the last storage's when none is left. */
export async function fanOut(
  stream: ByteStream,
  sinks: readonly Sink[],
  options: FanOutOptions,
): Promise<FanOutResult> {
  const pumps = sinks.map((sink) => startPump(sink, options.stallTimeoutMs));
  try {
    for await (const chunk of stream) {
      // A storage that fails may still hold the chunk: then the runtime frees it in its own time.
      let holders = pumps.length;
      const onTaken = (): void => {
        holders -= 1;
        if (holders === 0) options.freeChunk(chunk);
      };
      const blocked = pumps.map((pump) => pump.push({ chunk, onTaken })).filter((wait) => wait !== undefined);
      if (blocked.length > 0) await Promise.all(blocked);
      if (pumps.every((pump) => pump.failure() !== undefined)) break;
    }
  } catch (error) {
    await Promise.all(pumps.map((pump) => pump.abort(toAppError(error))));
    throw error;
  }
  const ends = await Promise.all(pumps.map((pump) => pump.end()));
  const stored = ends.flatMap((info, index) => (info === undefined ? [] : [{ name: sinks[index]!.name, info }]));
  const failures = pumps.flatMap((pump, index) => {
    const error = pump.failure();
    return error === undefined ? [] : [{ name: sinks[index]!.name, error }];
  });
  if (stored.length === 0) throw failures.at(-1)!.error;
  return { stored, failures };
}

interface Item {
  readonly chunk: Uint8Array;
  /** The storage does not need the chunk any more. */
  onTaken(): void;
}

interface Pump {
  /** Undefined when the item was queued without waiting. */
  push(item: Item): Promise<void> | undefined;
  failure(): AppError | undefined;
  end(): Promise<ObjectInfo | undefined>;
  abort(reason: AppError): Promise<void>;
}

function startPump(sink: Sink, stallTimeoutMs: number): Pump {
  const queue: Item[] = [];
  let queuedBytes = 0;
  let failure: AppError | undefined;
  let ending = false;
  let wakeWorker = (): void => {};
  let wakePusher = (): void => {};
  let giveUp = (_reason: AppError): void => {};

  async function work(): Promise<ObjectInfo | undefined> {
    try {
      while (true) {
        const item = queue.shift();
        if (item === undefined) {
          if (failure !== undefined) return undefined;
          if (ending) return await guarded(() => sink.writer.close());
          await new Promise<void>((resolve) => (wakeWorker = resolve));
          continue;
        }
        const { length } = item.chunk;
        await guarded(() => sink.writer.write(item.chunk));
        item.onTaken();
        queuedBytes -= length;
        if (queuedBytes <= queueLimitBytes) wakePusher();
      }
    } catch (error) {
      await fail(tagStage(error, "sync"));
      return undefined;
    }
  }

  /** An accepted write is progress; a write that is not accepted in time is a stall of this storage alone. */
  async function guarded<T>(operation: () => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<never>((_resolve, reject) => {
      giveUp = reject;
      timer = setTimeout(() => {
        const seconds = Math.round(stallTimeoutMs / 1000);
        const error = new AppError("stalled", `storage ${sink.name} accepted no data for ${seconds} s`, {
          hint: "check the network and the storage's load, or raise BACKUP_STALL_TIMEOUT_SECONDS",
          retryable: true,
        });
        sink.abort(error);
        reject(error);
      }, stallTimeoutMs);
    });
    try {
      return await Promise.race([operation(), stalled]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function fail(error: AppError): Promise<void> {
    failure ??= error;
    for (const item of queue.splice(0)) item.onTaken();
    queuedBytes = 0;
    wakePusher();
    await abortWriter();
  }

  async function abortWriter(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(stallTimeoutMs, abortGraceMs));
    await Promise.race([sink.writer.abort(), late]);
    clearTimeout(timer);
  }

  const done = work();
  return {
    push(item) {
      if (failure !== undefined) {
        item.onTaken();
        return undefined;
      }
      queue.push(item);
      queuedBytes += item.chunk.length;
      wakeWorker();
      if (queuedBytes <= queueLimitBytes) return undefined;
      return new Promise<void>((resolve) => (wakePusher = resolve));
    },
    failure: () => failure,
    async end() {
      ending = true;
      wakeWorker();
      return done;
    },
    async abort(reason) {
      failure ??= reason;
      sink.abort(reason);
      // Also of a writer that does not listen.
      giveUp(reason);
      wakeWorker();
      await fail(reason);
      await done;
    },
  };
}
