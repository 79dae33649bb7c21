import { expect, test } from "bun:test";
import type { ByteStream } from "../ports/byte-stream.ts";
import { readAhead } from "./read-ahead.ts";

interface Producer {
  readonly stream: ByteStream;
  readonly produced: number[];
  isClosed: boolean;
}

function producer(count: number, failAt = Infinity): Producer {
  const made: Producer = { stream: produce(), produced: [], isClosed: false };
  async function* produce(): ByteStream {
    try {
      for (let index = 0; index < count; index++) {
        if (index === failAt) throw new Error("no more");
        await Bun.sleep(0);
        made.produced.push(index);
        yield new Uint8Array(10).fill(index);
      }
    } finally {
      made.isClosed = true;
    }
  }
  return made;
}

async function readAll(stream: ByteStream): Promise<number[]> {
  const got: number[] = [];
  for await (const chunk of stream) got.push(chunk[0]!);
  return got;
}

test("works up to the limit while nobody reads, and keeps the order", async () => {
  const made = producer(10);
  await using ahead = readAhead(made.stream, 35);
  await Bun.sleep(20);
  expect(made.produced).toEqual([0, 1, 2, 3]);
  expect(await readAll(ahead.stream)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(made.isClosed).toBe(true);
});

test("once somebody reads, nothing is taken before it is asked for", async () => {
  const made = producer(10);
  await using ahead = readAhead(made.stream, 1_000_000);
  const iterator = ahead.stream[Symbol.asyncIterator]();
  await iterator.next();
  await Bun.sleep(20);
  const before = made.produced.length;
  await iterator.next();
  await Bun.sleep(20);
  expect(made.produced.length - before).toBeLessThanOrEqual(1);
  expect(before).toBeLessThan(4);
});

test("an error comes after the chunks before it, at once or late", async () => {
  for (const failAt of [0, 1, 5]) {
    const made = producer(10, failAt);
    await using ahead = readAhead(made.stream, 25);
    await Bun.sleep(10);
    const got: number[] = [];
    const reading = (async () => {
      for await (const chunk of ahead.stream) got.push(chunk[0]!);
    })();
    await expect(reading).rejects.toThrow("no more");
    expect(got).toEqual([0, 1, 2, 3, 4].slice(0, failAt));
  }
});

test("a stream that nobody ever reads is closed, an empty one ends", async () => {
  const unread = producer(10);
  await readAhead(unread.stream, 25)[Symbol.asyncDispose]();
  expect(unread.isClosed).toBe(true);
  await using empty = readAhead(producer(0).stream, 25);
  expect(await readAll(empty.stream)).toEqual([]);
});

test("a reader that stops early closes the producer", async () => {
  const made = producer(10);
  const ahead = readAhead(made.stream, 25);
  for await (const _chunk of ahead.stream) break;
  expect(made.isClosed).toBe(true);
});
