// Reads what a thread produces, block by block, as a stream. The thread runs a few blocks ahead, no further, and hashes what it
// sends, so that reading and hashing a dump cost this thread nothing.

import { AppError, type ErrorCode } from "../../domain/error.ts";
import type { ByteStream, StreamDigest } from "../../ports/byte-stream.ts";
import { ownBlock } from "../bytes/owned-blocks.ts";
import {
  controlWords,
  creditsWord,
  stopWord,
  type ThreadError,
  type ThreadMessage,
  type ThreadStart,
} from "./block-message.ts";
import { workerUrl } from "./worker-url.ts";

export interface BlockThread extends AsyncDisposable {
  /** Ends when the thread's producer has ended well; throws its error. To be read once. */
  readonly stream: ByteStream;
  /** The thread has nothing more to say: it has produced everything, failed or been stopped. Never rejects. */
  readonly over: Promise<void>;
  /** Of the whole stream; only after its end. */
  digest(): StreamDigest;
  /** What the producer returned; only after the stream's end. */
  result(): unknown;
}

export interface BlockThreadOptions {
  /** The worker's file in `adapters/`, without its extension. */
  readonly worker: string;
  /** What is sent along; must survive a structured clone. */
  readonly request: unknown;
  /** In a second thread, for a producer that is slower than a hash. */
  readonly hashApart?: boolean;
  /** Ends the stream with its reason. */
  readonly signal?: AbortSignal;
  onNote?(note: unknown): void;
  /** Called for every block as it arrives. */
  onBlock?(): void;
}

const blocksAhead = 3;
/** A thread that hangs in a system call is left behind after this. */
const stopGraceMs = 2_000;

export function openBlockThread(options: BlockThreadOptions): BlockThread {
  const control = new Int32Array(new SharedArrayBuffer(controlWords * Int32Array.BYTES_PER_ELEMENT));
  control[creditsWord] = blocksAhead;
  const producer = new Worker(workerUrl(options.worker));
  const hasher = options.hashApart === true ? new Worker(workerUrl("thread/hash-worker")) : undefined;
  const workers = hasher === undefined ? [producer] : [producer, hasher];
  const blocks: Uint8Array[] = [];
  let end: Extract<ThreadMessage, { type: "ended" }> | undefined;
  let failure: Error | undefined;
  let aborted = options.signal?.aborted ?? false;
  let wake = (): void => {};
  const { promise: over, resolve: markOver } = Promise.withResolvers<void>();

  function finish(): void {
    markOver();
    // They have nothing more to do, and would keep the program alive.
    for (const worker of workers) worker.terminate();
  }

  function fail(error: Error): void {
    failure ??= error;
    finish();
    wake();
  }

  const hear = ({ data }: MessageEvent<ThreadMessage>): void => {
    if (data.type === "block") {
      blocks.push(ownBlock(new Uint8Array(data.buffer, 0, data.bytes)));
      options.onBlock?.();
    } else if (data.type === "note") {
      options.onNote?.(data.note);
    } else if (data.type === "ended") {
      end = data;
      finish();
    } else {
      fail(toError(data.error));
    }
    wake();
  };
  (hasher ?? producer).addEventListener("message", hear);
  for (const worker of workers) {
    worker.addEventListener("error", (event) => {
      fail(new AppError("internal", `a thread of the program failed: ${(event as ErrorEvent).message}`));
    });
    worker.addEventListener("close", () => {
      if (end === undefined) fail(new AppError("internal", "a thread of the program ended early"));
    });
  }
  start();

  function start(): void {
    const { request } = options;
    if (hasher === undefined) {
      producer.postMessage({ control, request } satisfies ThreadStart);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    hasher.postMessage(port1, [port1]);
    producer.postMessage({ control, request, hasher: port2 } satisfies ThreadStart, [port2]);
  }

  function stop(): void {
    Atomics.store(control, stopWord, 1);
    Atomics.notify(control, creditsWord);
  }

  const onAbort = (): void => {
    stop();
    aborted = true;
    wake();
  };
  options.signal?.addEventListener("abort", onAbort, { once: true });
  void over.then(() => options.signal?.removeEventListener("abort", onAbort));

  async function* read(): ByteStream {
    while (true) {
      if (aborted) options.signal?.throwIfAborted();
      const block = blocks.shift();
      if (block !== undefined) {
        Atomics.add(control, creditsWord, 1);
        Atomics.notify(control, creditsWord);
        yield block;
      } else if (failure !== undefined) {
        throw failure;
      } else if (end !== undefined) {
        return;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  }

  function ended(): Extract<ThreadMessage, { type: "ended" }> {
    if (end === undefined || blocks.length > 0) throw new AppError("internal", "a thread's stream has not ended");
    return end;
  }

  return {
    stream: read(),
    over,
    digest() {
      const { bytes, sha256 } = ended();
      return { bytes, sha256 };
    },
    result: () => ended().result,
    async [Symbol.asyncDispose]() {
      stop();
      // It frees what it holds (a descriptor) before it says that it is over.
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, stopGraceMs);
      await Promise.race([over, late]);
      clearTimeout(timer);
      for (const worker of workers) worker.terminate();
    },
  };
}

function toError(error: ThreadError): Error {
  if (error.isAppError) {
    const { code, message, hint, retryable } = error;
    return new AppError(code as ErrorCode, message, { ...(hint === undefined ? {} : { hint }), retryable });
  }
  return Object.assign(new Error(error.message), { name: error.name, code: error.code });
}
