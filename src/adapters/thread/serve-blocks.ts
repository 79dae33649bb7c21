// The thread's side: fills blocks, hashes them unless another thread does, and waits while the reader lags behind.

import { createHash } from "node:crypto";
import { AppError } from "../../domain/error.ts";
import {
  blockBytes,
  creditsWord,
  stopWord,
  type ThreadError,
  type ThreadMessage,
  type ThreadStart,
} from "./block-message.ts";

export interface BlockSink {
  /** True when the reader has gone: whatever is still produced is for nobody. */
  readonly isStopped: boolean;
  /** Room to write into; valid until the next `advance` or `put`. */
  room(): Uint8Array;
  /** So many bytes of the room are filled. Throws `cancelled` when the reader has gone. */
  advance(bytes: number): void;
  /** Copies. */
  put(bytes: Uint8Array): void;
  /** Sends what there is, for a reader that would otherwise wait for a full block. */
  flush(): void;
  /** Tells the other side something, in order with the blocks. */
  note(note: unknown): void;
}

declare const self: {
  onmessage: ((event: { readonly data: ThreadStart }) => void) | null;
  postMessage(message: ThreadMessage, transfer?: readonly ArrayBuffer[]): void;
};

/** Serves one request; its end, its error and the hash of everything go to the other side. */
export function serveBlocks<Request>(produce: (request: Request, sink: BlockSink) => unknown): void {
  self.onmessage = ({ data }) => {
    void serve(data, produce as (request: unknown, sink: BlockSink) => unknown);
  };
}

async function serve(
  { control, request, hasher }: ThreadStart,
  produce: (request: unknown, sink: BlockSink) => unknown,
): Promise<void> {
  const hash = hasher === undefined ? createHash("sha256") : undefined;
  const post = (message: ThreadMessage, transfer: ArrayBuffer[] = []): void =>
    hasher === undefined ? self.postMessage(message, transfer) : hasher.postMessage(message, transfer);
  let total = 0;
  let block: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;

  function flush(): void {
    if (block === undefined || filled === 0) return;
    while (Atomics.load(control, creditsWord) <= 0 && Atomics.load(control, stopWord) === 0)
      Atomics.wait(control, creditsWord, 0);
    if (Atomics.load(control, stopWord) !== 0) throw new AppError("cancelled", "nobody reads this thread's blocks");
    Atomics.sub(control, creditsWord, 1);
    hash?.update(block.subarray(0, filled));
    total += filled;
    const { buffer } = block;
    post({ type: "block", buffer, bytes: filled }, [buffer]);
    block = undefined;
    filled = 0;
  }

  const sink: BlockSink = {
    get isStopped() {
      return Atomics.load(control, stopWord) !== 0;
    },
    room() {
      // After a short block the next one ends where a full one would have, so that later ones fit the reader's blocks again.
      block ??= new Uint8Array(blockBytes - (total % blockBytes));
      return block.subarray(filled);
    },
    advance(bytes) {
      filled += bytes;
      if (filled === block?.length) flush();
    },
    put(bytes) {
      for (let at = 0; at < bytes.length;) {
        const room = sink.room();
        const count = Math.min(room.length, bytes.length - at);
        room.set(at === 0 && count === bytes.length ? bytes : bytes.subarray(at, at + count));
        at += count;
        sink.advance(count);
      }
    },
    flush,
    note: (note) => post({ type: "note", note }),
  };

  try {
    const result = await produce(request, sink);
    flush();
    post({ type: "ended", bytes: total, sha256: hash?.digest("hex") ?? "", result });
  } catch (error) {
    post({ type: "failed", error: describeError(error) });
  }
}

function describeError(error: unknown): ThreadError {
  const isAppError = error instanceof AppError;
  const known = error instanceof Error ? error : new Error(String(error));
  return {
    name: known.name,
    message: known.message,
    code: (known as { code?: string }).code,
    isAppError,
    hint: isAppError ? error.hint : undefined,
    retryable: isAppError && error.retryable,
  };
}
