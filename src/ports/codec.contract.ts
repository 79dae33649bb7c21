// The suite every codec passes: describeCodecContract("zstd", { codec, level: 3, detectsDamage: true }).

import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { Codec } from "./codec.ts";

export interface CodecSubject {
  readonly codec: Codec;
  readonly level: number;
  /** False for a codec whose format can reveal nothing (`none`). */
  readonly detectsDamage: boolean;
  /** Sizes around the codec's own block borders. */
  readonly borderBytes: readonly number[];
}

export async function* inChunks(bytes: Uint8Array, chunkBytes: number): ByteStream {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) {
    if (chunk.length === 0) throw new Error("a stream yielded an empty chunk");
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Half noise, half text: compressible, yet with raw blocks inside. */
export function samplePlain(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = (at >> 9) % 2 === 0 ? state >>> 24 : 97 + (at % 13);
  }
  return bytes;
}

async function errorOf(stream: ByteStream): Promise<unknown> {
  try {
    for await (const _ of stream);
    return undefined;
  } catch (error) {
    return error;
  }
}

export function describeCodecContract(name: string, subject: CodecSubject): void {
  const { codec, level } = subject;
  const compressAll = (plain: Uint8Array, chunkBytes = 65_536): Promise<Uint8Array> =>
    readAll(codec.compress(inChunks(plain, chunkBytes), level));

  describe(`codec contract: ${name}`, () => {
    const sizes = [1, 2, 1000, ...subject.borderBytes.flatMap((size) => [size - 1, size, size + 1])];
    for (const size of [0, ...sizes]) {
      test(`${size} bytes come back as they were`, async () => {
        const plain = samplePlain(size);
        const compressed = await compressAll(plain);
        const back = await readAll(codec.decompress(inChunks(compressed, 65_536)));
        expect(Buffer.compare(back, plain)).toBe(0);
      });
    }

    test("the sizes of the chunks make no difference", async () => {
      const plain = samplePlain(100_000);
      const compressed = await compressAll(plain, 977);
      expect(Buffer.compare(compressed, await compressAll(plain, 100_000))).toBe(0);
      for (const chunkBytes of [1, 7, 4096, compressed.length]) {
        const back = await readAll(codec.decompress(inChunks(compressed, chunkBytes)));
        expect(Buffer.compare(back, plain)).toBe(0);
      }
    });

    test("an error of the input passes through unchanged in both directions", async () => {
      const broken = new AppError("source_failed", "the source broke");
      async function* breaking(bytes: Uint8Array): ByteStream {
        yield bytes.subarray(0, bytes.length >> 1);
        throw broken;
      }
      const plain = samplePlain(100_000);
      expect(await errorOf(codec.compress(breaking(plain), level))).toBe(broken);
      expect(await errorOf(codec.decompress(breaking(await compressAll(plain))))).toBe(broken);
    });

    test("whoever leaves early ends the input", async () => {
      let closed = 0;
      async function* endless(bytes: Uint8Array): ByteStream {
        try {
          while (true) yield bytes;
        } finally {
          closed += 1;
        }
      }
      for await (const _ of codec.compress(endless(samplePlain(1_000_000)), level)) break;
      const one = await compressAll(samplePlain(1_000_000));
      for await (const _ of codec.decompress(endless(one))) break;
      expect(closed).toBe(2);
    });

    if (subject.detectsDamage) describeDamage(subject, compressAll);
  });
}

function describeDamage(subject: CodecSubject, compressAll: (plain: Uint8Array) => Promise<Uint8Array>): void {
  const { codec } = subject;
  const expectCorrupt = async (bytes: Uint8Array): Promise<void> => {
    const error = await errorOf(codec.decompress(inChunks(bytes, 512)));
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("backup_corrupt");
  };

  test("every cut is found", async () => {
    const compressed = await compressAll(samplePlain(3000));
    for (let length = 0; length < compressed.length; length++) await expectCorrupt(compressed.subarray(0, length));
  });

  test("a cut inside any block of a long stream is found", async () => {
    const size = Math.max(...subject.borderBytes) + 5000;
    const compressed = await compressAll(samplePlain(size));
    for (const part of [0.1, 0.35, 0.6, 0.85]) await expectCorrupt(compressed.subarray(0, compressed.length * part));
    await expectCorrupt(compressed.subarray(0, compressed.length - 1));
  });

  test("every flipped byte of the content is found or changes nothing", async () => {
    const plain = samplePlain(3000);
    const compressed = await compressAll(plain);
    for (let at = 0; at < compressed.length; at++) {
      const flipped = Uint8Array.from(compressed);
      flipped[at] = flipped[at]! ^ 0x41;
      let back: Uint8Array | undefined;
      try {
        back = await readAll(codec.decompress(inChunks(flipped, 512)));
      } catch (error) {
        expect((error as AppError).code).toBe("backup_corrupt");
        continue;
      }
      // A header may hold a field that says nothing about the content (a time, an operating system).
      expect(at).toBeLessThan(16);
      expect(Buffer.compare(back, plain)).toBe(0);
    }
  });

  test("bytes after the end are found", async () => {
    const compressed = await compressAll(samplePlain(3000));
    for (const tail of [[0], [0, 0, 0, 0, 0, 0, 0, 0], [1, 2, 3], [0x1f], [0x28, 0xb5, 0x2f], Array(600).fill(0)]) {
      await expectCorrupt(Buffer.concat([compressed, Uint8Array.from(tail)]));
    }
  });

  test("compressed streams in a row are one stream", async () => {
    const [first, second] = [samplePlain(3000, 1), samplePlain(4000, 2)];
    const both = Buffer.concat([await compressAll(first), await compressAll(second)]);
    const back = await readAll(codec.decompress(inChunks(both, 512)));
    expect(Buffer.compare(back, Buffer.concat([first, second]))).toBe(0);
  });
}
