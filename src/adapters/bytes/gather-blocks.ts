// Cuts a stream into blocks of one size; only the last may be shorter. Blocks are copies in buffers of our own, which
// the reader gives back, because the runtime frees large buffers late. A block of the right size that is owned by its
// reader is passed on as it is.

import type { ByteStream } from "../../ports/byte-stream.ts";
import { freeBlock, isOwned } from "./owned-blocks.ts";

export interface BlockPool {
  readonly blockBytes: number;
  take(): Uint8Array;
  /** Only for a block that nobody reads any more. */
  give(block: Uint8Array): void;
}

export function createBlockPool(blockBytes: number): BlockPool {
  const free: Uint8Array[] = [];
  return {
    blockBytes,
    take: () => free.pop() ?? new Uint8Array(blockBytes),
    give(block) {
      if (isOwned(block)) freeBlock(block);
      else free.push(new Uint8Array(block.buffer, 0, blockBytes));
    },
  };
}

/** Yields nothing for an empty stream. */
export async function* gatherBlocks(stream: ByteStream, pool: BlockPool): ByteStream {
  let block = pool.take();
  let filled = 0;
  for await (const chunk of stream) {
    if (filled === 0 && chunk.length === pool.blockBytes && isOwned(chunk)) {
      yield chunk;
      continue;
    }
    let offset = 0;
    while (offset < chunk.length) {
      const count = Math.min(chunk.length - offset, pool.blockBytes - filled);
      block.set(chunk.subarray(offset, offset + count), filled);
      filled += count;
      offset += count;
      if (filled < pool.blockBytes) continue;
      yield block;
      block = pool.take();
      filled = 0;
    }
    freeBlock(chunk);
  }
  if (filled > 0) yield block.subarray(0, filled);
}
