// The walk over a frame, field by field and border by border.

import { expect, test } from "bun:test";
import { inChunks, readAll } from "../../../ports/codec.contract.ts";
import { openByteReader } from "../../bytes/byte-reader.ts";
import { peekFrameHeader, readDataFrame, skipFrame } from "./frame.ts";

const magic = [0x28, 0xb5, 0x2f, 0xfd];
const header = (...bytes: number[]): ReturnType<typeof peekFrameHeader> =>
  peekFrameHeader(openByteReader(inChunks(Uint8Array.from(bytes), 1)));

/** A frame with the content checksum flag as given, and blocks of (type, size). */
function frame(hasChecksum: boolean, ...blocks: [type: number, size: number][]): Uint8Array {
  const pieces: Uint8Array[] = [Uint8Array.from([...magic, hasChecksum ? 0x24 : 0x20, 9])];
  for (const [index, [type, size]] of blocks.entries()) {
    const word = (index === blocks.length - 1 ? 1 : 0) | (type << 1) | (size << 3);
    pieces.push(Uint8Array.of(word & 0xff, (word >> 8) & 0xff, word >> 16), new Uint8Array(type === 1 ? 1 : size));
  }
  if (hasChecksum) pieces.push(new Uint8Array(4));
  return Buffer.concat(pieces);
}

async function walk(bytes: Uint8Array): Promise<number> {
  const reader = openByteReader(inChunks(bytes, 1000));
  const found = await peekFrameHeader(reader);
  if (found?.kind !== "data") throw new Error("no data frame");
  return (await readAll(readDataFrame(reader, found))).length;
}

test("the header's length and the content's size are read in every form", async () => {
  const data = (headerBytes: number, contentBytes: number | null, hasChecksum = false) =>
    ({ kind: "data", headerBytes, contentBytes, hasChecksum }) as const;
  expect(await header(...magic, 0x20, 9)).toEqual(data(6, 9));
  expect(await header(...magic, 0x24, 9)).toEqual(data(6, 9, true));
  expect(await header(...magic, 0x00, 0x50)).toEqual(data(6, null));
  expect(await header(...magic, 0x60, 0x01, 0x02)).toEqual(data(7, 0x0201 + 256));
  expect(await header(...magic, 0x40, 0x50, 0x01, 0x02)).toEqual(data(8, 0x0201 + 256));
  expect(await header(...magic, 0xa0, 1, 2, 3, 0xf4)).toEqual(data(9, 0xf4030201));
  expect(await header(...magic, 0x80, 0x50, 1, 2, 3, 4)).toEqual(data(10, 0x04030201));
  expect(await header(...magic, 0xe0, 1, 0, 0, 0, 1, 0, 0, 0)).toEqual(data(13, 2 ** 32 + 1));
  expect(await header(...magic, 0xc0, 0x50, 1, 0, 0, 0, 1, 0, 0, 0)).toEqual(data(14, 2 ** 32 + 1));
});

test("a header that is one byte short is refused, in every form", async () => {
  for (const bytes of [
    magic,
    [...magic, 0x20],
    [...magic, 0x00],
    [...magic, 0x60, 1],
    [...magic, 0x40, 1, 2],
    [...magic, 0xa0, 1, 2, 3],
    [...magic, 0xc0, 0x50, 1, 2, 3, 4, 5, 6, 7],
    [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0],
    [0x28],
  ]) {
    await expect(header(...bytes)).rejects.toThrow("ends inside a frame header");
  }
  expect(await header()).toBeUndefined();
});

test("what no frame begins with is refused by name", async () => {
  await expect(header(0x28, 0xb5, 0x2f, 0xfc, 0x20, 9)).rejects.toThrow("no frame begins");
  await expect(header(...magic, 0x28, 9)).rejects.toThrow("reserved bit");
  for (const flag of [1, 2, 3]) await expect(header(...magic, 0x20 | flag, 9, 9, 9, 9)).rejects.toThrow("dictionary");
});

test("skippable frames have sixteen numbers and a length of their own", async () => {
  for (let number = 0; number < 16; number++) {
    const found = await header(0x50 + number, 0x2a, 0x4d, 0x18, 5, 0, 0, 0x80);
    expect(found).toEqual({ kind: "skippable", headerBytes: 8, skipBytes: 0x80000005 });
  }
  const bytes = Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 7, 7, 7, 42]);
  for (const [length, left] of [
    [12, [42]],
    [11, []],
  ] as const) {
    const reader = openByteReader(inChunks(bytes.subarray(0, length), 2));
    await skipFrame(reader, { kind: "skippable", headerBytes: 8, skipBytes: 3 });
    expect([...(await reader.take(5))]).toEqual([...left]);
  }
  const cut = openByteReader(inChunks(bytes.subarray(0, 10), 2));
  const skipping = skipFrame(cut, { kind: "skippable", headerBytes: 8, skipBytes: 3 });
  await expect(skipping).rejects.toThrow("ends inside a skippable frame");
});

test("a frame ends exactly after its last block and its checksum", async () => {
  const after = new Uint8Array(50);
  for (const bytes of [
    frame(false, [0, 0]),
    frame(false, [0, 5]),
    frame(true, [0, 5]),
    frame(false, [1, 100_000]),
    frame(true, [0, 5], [1, 2_000_000], [2, 131_072], [0, 131_072]),
  ]) {
    expect(await walk(Buffer.concat([bytes, after]))).toBe(bytes.length);
    for (const cut of [1, 2, 3, 4]) {
      await expect(walk(bytes.subarray(0, bytes.length - cut))).rejects.toThrow("ends inside a frame");
    }
  }
});

test("blocks of a reserved type, and blocks larger than 128 KiB, are refused", async () => {
  await expect(walk(frame(false, [3, 5]))).rejects.toThrow("reserved type");
  for (const type of [0, 2])
    await expect(walk(frame(false, [type, 131_073]))).rejects.toThrow("larger than the format");
});
