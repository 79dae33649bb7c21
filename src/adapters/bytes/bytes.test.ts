// The pieces that cut and join streams: nothing may be lost, doubled or changed after it was handed on.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Transform } from "node:stream";
import { inChunks, readAll, samplePlain } from "../../ports/codec.contract.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import { openByteReader } from "./byte-reader.ts";
import { createBlockPool, gatherBlocks } from "./gather-blocks.ts";
import { mapInOrder } from "./map-in-order.ts";
import { throughDuplex } from "./through-duplex.ts";

const sample = samplePlain(1000);

function watched(bytes: Uint8Array, chunkBytes: number): { stream: ByteStream; closed: () => number } {
  let closed = 0;
  async function* stream(): ByteStream {
    try {
      yield* inChunks(bytes, chunkBytes);
    } finally {
      closed += 1;
    }
  }
  return { stream: stream(), closed: () => closed };
}

describe("gatherBlocks", () => {
  test("blocks have one size, only the last is shorter, and together they are the stream", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1000),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        async (size, chunk, block) => {
          const blocks: Uint8Array[] = [];
          for await (const piece of gatherBlocks(inChunks(sample.subarray(0, size), chunk), createBlockPool(block))) {
            blocks.push(Uint8Array.from(piece));
          }
          expect(Buffer.compare(Buffer.concat(blocks), sample.subarray(0, size))).toBe(0);
          expect(blocks.slice(0, -1).every((piece) => piece.length === block)).toBe(true);
          expect(blocks.length).toBe(Math.ceil(size / block));
        },
      ),
    );
  });

  test("a block that was given back is used again, whole", () => {
    const pool = createBlockPool(10);
    const block = pool.take();
    pool.give(block.subarray(0, 3));
    const again = pool.take();
    expect([again.buffer === block.buffer, again.length]).toEqual([true, 10]);
    expect(pool.take().buffer).not.toBe(block.buffer);
  });
});

describe("byte reader", () => {
  test("takes and peeks across chunks without losing a byte", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 120 })),
        async (chunk, counts) => {
          const reader = openByteReader(inChunks(sample, chunk));
          let at = 0;
          for (const count of counts) {
            const expected = sample.subarray(at, at + count);
            expect(Buffer.compare(await reader.peek(count), expected)).toBe(0);
            expect(Buffer.compare(await reader.take(count), expected)).toBe(0);
            at = Math.min(sample.length, at + count);
            expect(await reader.isAtEnd()).toBe(at === sample.length);
          }
          expect(Buffer.compare(await readAll(reader.rest()), sample.subarray(at))).toBe(0);
        },
      ),
    );
  });

  test("some bytes come as they are, at most as many as asked for", async () => {
    const reader = openByteReader(inChunks(sample.subarray(0, 25), 10));
    const lengths: number[] = [];
    for (let some = await reader.takeSome(7); some !== undefined; some = await reader.takeSome(7))
      lengths.push(some.length);
    expect(lengths).toEqual([7, 3, 7, 3, 5]);
    expect(await reader.takeSome(7)).toBeUndefined();
  });

  test("empty chunks are passed over", async () => {
    async function* holes(): ByteStream {
      yield new Uint8Array(0);
      yield Uint8Array.of(1);
      yield new Uint8Array(0);
      yield Uint8Array.of(2);
    }
    const reader = openByteReader(holes());
    expect([...(await reader.take(2))]).toEqual([1, 2]);
    expect(await reader.isAtEnd()).toBe(true);
  });

  test("closing, and leaving the rest, end the stream once", async () => {
    const closing = watched(sample, 10);
    const reader = openByteReader(closing.stream);
    await reader.take(15);
    await reader.close();
    await reader.close();
    expect(closing.closed()).toBe(1);
    expect(await reader.isAtEnd()).toBe(true);

    const leaving = watched(sample, 10);
    const other = openByteReader(leaving.stream);
    await other.peek(35);
    for await (const chunk of other.rest()) {
      expect(Buffer.compare(chunk, sample.subarray(0, 10))).toBe(0);
      break;
    }
    expect(leaving.closed()).toBe(1);
  });

  test("the rest passes an error of the stream on", async () => {
    async function* broken(): ByteStream {
      yield sample;
      throw new Error("broke");
    }
    const reader = openByteReader(broken());
    await reader.peek(10);
    await expect(readAll(reader.rest())).rejects.toThrow("broke");
  });
});

describe("mapInOrder", () => {
  async function* numbers(count: number): AsyncGenerator<number> {
    for (let value = 0; value < count; value++) yield value;
  }

  test("results keep the order of the items, with no more at once than allowed", async () => {
    let running = 0;
    let most = 0;
    const results: number[] = [];
    for await (const result of mapInOrder(numbers(20), 3, async (value) => {
      running += 1;
      most = Math.max(most, running);
      await Bun.sleep(value % 3);
      running -= 1;
      return value;
    })) {
      results.push(result);
    }
    expect(results).toEqual(Array.from({ length: 20 }, (_, value) => value));
    expect(most).toBe(3);
  });

  test("a failure comes in its turn, after the results before it", async () => {
    const results: number[] = [];
    const reading = (async () => {
      for await (const result of mapInOrder(numbers(9), 2, async (value) => {
        if (value === 4) throw new Error("four");
        return value;
      })) {
        results.push(result);
      }
    })();
    await expect(reading).rejects.toThrow("four");
    expect(results).toEqual([0, 1, 2, 3]);
  });
});

describe("throughDuplex", () => {
  const upper = (): Transform =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk.toString().toUpperCase())),
    });

  test("everything goes through, however large", async () => {
    const text = Buffer.from("abc".repeat(500_000));
    expect(Buffer.from(await readAll(throughDuplex(inChunks(text, 65_536), upper()))).toString()).toBe(
      text.toString().toUpperCase(),
    );
  });

  test("the input's own error comes out, also one that is no Error", async () => {
    const broken = new Error("broke");
    for (const thrown of [broken, "a text" as unknown as Error]) {
      async function* input(): ByteStream {
        yield Buffer.from("x");
        throw thrown;
      }
      await expect(readAll(throughDuplex(input(), upper()))).rejects.toBe(thrown);
    }
  });

  test("an error of the stage ends the input", async () => {
    const { stream, closed } = watched(sample, 10);
    const failing = new Transform({ transform: (_chunk, _encoding, done) => done(new Error("stage")) });
    await expect(readAll(throughDuplex(stream, failing))).rejects.toThrow("stage");
    expect(closed()).toBe(1);
  });

  test("the input waits for the reader", async () => {
    let sent = 0;
    async function* endless(): ByteStream {
      while (true) {
        sent += 1;
        yield Buffer.alloc(65_536, "a");
      }
    }
    for await (const _ of throughDuplex(endless(), upper())) {
      await Bun.sleep(50);
      break;
    }
    expect(sent).toBeLessThan(20);
  });
});
