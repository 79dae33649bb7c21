// zstd that other programs wrote: frames of unknown or large size, skippable frames, and what hostile ones try.

import { expect, test } from "bun:test";
import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import { AppError } from "../../../domain/error.ts";
import { inChunks, readAll, samplePlain } from "../../../ports/codec.contract.ts";
import { throughDuplex } from "../../bytes/through-duplex.ts";
import { zstdCodec } from "./index.ts";

const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const decompress = (bytes: Uint8Array, chunkBytes = 4096): Promise<Uint8Array> =>
  readAll(zstdCodec.decompress(inChunks(bytes, chunkBytes)));
const streamed = (plain: Uint8Array): Promise<Uint8Array> =>
  readAll(throughDuplex(inChunks(plain, 65_536), createZstdCompress(checksum)));
const skippable = (size: number, declared = size): Uint8Array => {
  const frame = new Uint8Array(8 + size);
  new DataView(frame.buffer).setUint32(0, 0x184d2a57, true);
  new DataView(frame.buffer).setUint32(4, declared, true);
  return frame;
};
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof AppError ? error.code : `foreign error: ${String(error)}`;
  }
}

const plain = samplePlain(300_000);

test("a frame of unknown size is streamed", async () => {
  expect(Buffer.compare(await decompress(await streamed(plain)), plain)).toBe(0);
});

test("a frame of unknown size that is cut anywhere is found, also at a block's border", async () => {
  const frame = await streamed(plain);
  for (let length = 1; length < frame.length; length += 1009) {
    expect(await codeOf(decompress(frame.subarray(0, length)))).toBe("backup_corrupt");
  }
  expect(await codeOf(decompress(frame.subarray(0, frame.length - 4)))).toBe("backup_corrupt");
  // Right after the first block: header of 6 bytes, then 3 bytes that hold the block's length.
  const blockBytes = (frame[6]! | (frame[7]! << 8) | (frame[8]! << 16)) >> 3;
  expect(await codeOf(decompress(frame.subarray(0, 9 + blockBytes)))).toBe("backup_corrupt");
});

test("a flipped byte in a streamed frame is found", async () => {
  const frame = await streamed(plain);
  for (let at = 6; at < frame.length; at += 2003) {
    const flipped = Uint8Array.from(frame);
    flipped[at] = flipped[at]! ^ 0x10;
    expect(await codeOf(decompress(flipped))).toBe("backup_corrupt");
  }
});

test("a large frame of known size is streamed in small pieces", async () => {
  const large = new Uint8Array(40 * 1024 * 1024).fill(7);
  const frame = zstdCompressSync(large, checksum);
  let total = 0;
  let longest = 0;
  for await (const chunk of zstdCodec.decompress(inChunks(frame, 64))) {
    total += chunk.length;
    longest = Math.max(longest, chunk.length);
  }
  expect(total).toBe(large.length);
  expect(longest).toBeLessThanOrEqual(256 * 1024);
});

test("whole, streamed and skippable frames may follow each other in any order", async () => {
  const whole = await readAll(zstdCodec.compress(inChunks(plain, 4096), 3));
  const stream = await streamed(plain);
  const file = Buffer.concat([
    skippable(10),
    whole,
    stream,
    skippable(0),
    skippable(5000),
    stream,
    whole,
    skippable(3),
  ]);
  expect(Buffer.compare(await decompress(file), Buffer.concat([plain, plain, plain, plain]))).toBe(0);
});

test("a file of skippable frames alone is not a backup", async () => {
  expect(await codeOf(decompress(skippable(10)))).toBe("backup_corrupt");
});

test("a cut skippable frame is found", async () => {
  const whole = await readAll(zstdCodec.compress(inChunks(plain, 4096), 3));
  expect(await codeOf(decompress(Buffer.concat([whole, skippable(10, 4_000_000_000)])))).toBe("backup_corrupt");
  expect(await codeOf(decompress(Buffer.concat([whole, skippable(10).subarray(0, 6)])))).toBe("backup_corrupt");
});

test("sizes of one, two, four and eight bytes are read", async () => {
  for (const size of [10, 300, 70_000]) {
    const part = plain.subarray(0, size);
    expect(Buffer.compare(await decompress(zstdCompressSync(part)), part)).toBe(0);
  }
  // The same content, its size rewritten into eight bytes: single segment, no checksum.
  const frame = zstdCompressSync(plain.subarray(0, 300));
  const rewritten = Buffer.concat([frame.subarray(0, 4), Uint8Array.of(0xe0), new Uint8Array(8), frame.subarray(7)]);
  expect(frame[4]).toBe(0x60);
  rewritten.writeBigUInt64LE(300n, 5);
  expect(Buffer.compare(await decompress(rewritten), plain.subarray(0, 300))).toBe(0);
});

test("a frame that declares another size than it holds is refused", async () => {
  const frame = zstdCompressSync(plain.subarray(0, 300));
  frame.writeUInt16LE(301 - 256, 5);
  expect(await codeOf(decompress(frame))).toBe("backup_corrupt");
  const large = zstdCompressSync(new Uint8Array(20 * 1024 * 1024));
  expect(large[4]! >> 6).toBe(2);
  large.writeUInt32LE(20 * 1024 * 1024 + 1, large[4]! & 0x20 ? 5 : 6);
  expect(await codeOf(decompress(large))).toBe("backup_corrupt");
});

test("a small frame made of endless empty blocks is given up early", async () => {
  let sent = 0;
  async function* hostile(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 10);
    while (true) {
      sent += 3;
      yield Uint8Array.of(0, 0, 0);
    }
  }
  expect(await codeOf(readAll(zstdCodec.decompress(hostile())))).toBe("backup_corrupt");
  expect(sent).toBeLessThan(200_000);
});

test("reserved bits, reserved blocks, oversized blocks and dictionaries are refused", async () => {
  const header = (descriptor: number): number[] => [0x28, 0xb5, 0x2f, 0xfd, descriptor, 1];
  for (const bytes of [
    [...header(0x28), 1, 0, 0],
    [...header(0x21), 1, 0, 0],
    [...header(0x20), 7, 0, 0, 0],
    [...header(0x20), 0x09, 0x00, 0x10, 0],
  ]) {
    const file = Buffer.concat([Uint8Array.from(bytes), new Uint8Array(200_000)]);
    expect(await codeOf(decompress(file))).toBe("backup_corrupt");
  }
});

test("a frame that wants more memory than zstd's own limit is refused", async () => {
  // A window descriptor of 0xb8 asks for 2^33 bytes.
  const file = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb8, 0x01, 0x00, 0x00);
  expect(await codeOf(decompress(file))).toBe("backup_corrupt");
});

test("an error of the input passes through a streamed frame unchanged", async () => {
  const frame = await streamed(plain);
  const broken = new AppError("storage_failed", "the storage broke");
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield frame.subarray(0, frame.length >> 1);
    throw broken;
  }
  await expect(readAll(zstdCodec.decompress(breaking()))).rejects.toBe(broken);
});
