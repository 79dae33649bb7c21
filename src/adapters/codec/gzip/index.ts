// gzip (RFC 1952): written as a sequence of members, each compressed on its own in the thread pool, which every gunzip
// reads as one file.

import { constants, createGunzip, gzip } from "node:zlib";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { Codec } from "../../../ports/codec.ts";
import { createBlockPool, gatherBlocks } from "../../bytes/gather-blocks.ts";
import { mapInOrder } from "../../bytes/map-in-order.ts";
import { throughDuplex } from "../../bytes/through-duplex.ts";

/** Larger members lose less at their borders (each starts with an empty window of 32 KiB). */
const memberBytes = 1024 * 1024;
const parallelMembers = 2;
const outputChunkBytes = 256 * 1024;

export const gzipCodec: Codec = { algorithm: "gzip", extension: "gz", compress, decompress };

async function* compress(plain: ByteStream, level: number): ByteStream {
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new AppError("config_invalid", `gzip cannot compress at level ${level}`, { hint: "use a level from 1 to 9" });
  }
  const pool = createBlockPool(memberBytes);
  let isEmpty = true;
  const members = mapInOrder(gatherBlocks(plain, pool), parallelMembers, async (block) => {
    const member = await compressMember(block, level);
    pool.give(block);
    return member;
  });
  for await (const member of members) {
    isEmpty = false;
    yield member;
  }
  if (isEmpty) yield await compressMember(new Uint8Array(0), level);
}

function compressMember(block: Uint8Array, level: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gzip(block, { level, chunkSize: outputChunkBytes }, (error, member) =>
      error === null ? resolve(member) : reject(error),
    );
  });
}

async function* decompress(compressed: ByteStream): ByteStream {
  const gunzip = createGunzip({ chunkSize: outputChunkBytes });
  let fedBytes = 0;
  async function* counted(): ByteStream {
    for await (const chunk of compressed) {
      fedBytes += chunk.length;
      yield chunk;
    }
  }
  try {
    yield* throughDuplex(counted(), gunzip);
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw new AppError("backup_corrupt", `gzip data is damaged: ${error.message}`, { cause: error });
  }
  // The decoder stops without a word at a byte that starts no further member.
  if (gunzip.bytesWritten !== fedBytes) {
    const extraBytes = fedBytes - gunzip.bytesWritten;
    throw new AppError("backup_corrupt", `gzip data is followed by ${extraBytes} bytes that are not gzip`);
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code) in constants;
}
