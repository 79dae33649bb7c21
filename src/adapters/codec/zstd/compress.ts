// zstd as a sequence of independent frames, because the runtime's streaming encoder is slow and fails with threads.
// Every frame carries its content's size and checksum, so that a frame is checked whole before a byte of it is used.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { createBlockPool, gatherBlocks } from "../../bytes/gather-blocks.ts";
import { mapInOrder } from "../../bytes/map-in-order.ts";
import { ownBlock } from "../../bytes/owned-blocks.ts";
import { checksumDescriptorBit } from "./frame.ts";

export const framePlainBytes = 1024 * 1024;
const parallelFrames = 2;
const descriptorAt = 4;

export async function* compress(plain: ByteStream, level: number): ByteStream {
  if (!Number.isInteger(level) || level < 1 || level > 22) {
    throw new AppError("config_invalid", `zstd cannot compress at level ${level}`, {
      hint: "use a level from 1 to 22",
    });
  }
  const pool = createBlockPool(framePlainBytes);
  let isEmpty = true;
  const frames = mapInOrder(gatherBlocks(plain, pool), parallelFrames, async (block) => {
    const frame = await compressFrame(block, level);
    pool.give(block);
    return frame;
  });
  for await (const pieces of frames) {
    isEmpty = false;
    yield* pieces;
  }
  if (isEmpty) yield* await compressFrame(new Uint8Array(0), level);
}

/** The runtime cannot ask for a checksum, so it is added: the descriptor's bit, and XXH64's low half after the last block. */
async function compressFrame(block: Uint8Array, level: number): Promise<readonly Uint8Array[]> {
  const compressing = Bun.zstdCompress(block as Uint8Array<ArrayBuffer>, { level });
  const checksum = new Uint8Array(4);
  new DataView(checksum.buffer).setUint32(0, Number(Bun.hash.xxHash64(block) & 0xffffffffn), true);
  const frame = await compressing;
  frame[descriptorAt] = frame[descriptorAt]! | checksumDescriptorBit;
  return [ownBlock(frame), checksum];
}
