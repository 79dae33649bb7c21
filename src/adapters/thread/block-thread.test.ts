// The two sides of a block thread against each other, with a producer made for the purpose.

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { AppError } from "../../domain/error.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import { blockBytes } from "./block-message.ts";
import { openBlockThread, type BlockThreadOptions } from "./open-block-thread.ts";
import type { SampleRequest } from "../../../tests/support/sample-producer-worker.ts";

const worker = "../../tests/support/sample-producer-worker";

type More = Partial<Pick<BlockThreadOptions, "signal" | "onNote" | "hashApart">>;

function open(request: Partial<SampleRequest>, more: More = {}) {
  const whole: SampleRequest = { pieces: 0, pieceBytes: 1, flushAfter: [], fail: null, ...request };
  return openBlockThread({ worker, request: whole, ...more });
}

async function readAll(stream: ByteStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function sample(pieces: number, pieceBytes: number): Buffer {
  return Buffer.concat(Array.from({ length: pieces }, (_, index) => Buffer.alloc(pieceBytes, index % 251)));
}

test("every byte arrives once and in order, and the digest is that of all of them", async () => {
  for (const [pieces, pieceBytes, hashApart] of [
    [0, 1, false],
    [1, 1, false],
    [3, blockBytes, false],
    [7, 1_000_003, false],
    [5, blockBytes + 1, false],
    [0, 1, true],
    [7, 1_000_003, true],
  ] as const) {
    await using thread = open({ pieces, pieceBytes }, { hashApart });
    const got = await readAll(thread.stream);
    const expected = sample(pieces, pieceBytes);
    expect(Buffer.compare(got, expected)).toBe(0);
    expect(thread.digest()).toEqual({
      bytes: expected.length,
      sha256: createHash("sha256").update(expected).digest("hex"),
    });
    expect(thread.result()).toEqual({ pieces });
  }
});

test("after a short block the following ones end at whole multiples again", async () => {
  await using thread = open({ pieces: 100, pieceBytes: 100_000, flushAfter: [3] });
  const lengths: number[] = [];
  for await (const chunk of thread.stream) lengths.push(chunk.length);
  expect(lengths.slice(0, 3)).toEqual([400_000, blockBytes - 400_000, blockBytes]);
});

test("a reader that is slow holds the thread back", async () => {
  const seen: unknown[] = [];
  await using thread = open({ pieces: 40, pieceBytes: blockBytes }, { onNote: (note) => seen.push(note) });
  const iterator = thread.stream[Symbol.asyncIterator]();
  await iterator.next();
  await Bun.sleep(200);
  expect(seen.length).toBeLessThan(8);
  let blocks = 1;
  while ((await iterator.next()).done !== true) blocks += 1;
  expect(blocks).toBe(40);
});

test.each([false, true])(
  "the producer's error ends the stream, an AppError as itself (hashed apart: %p)",
  async (hashApart) => {
    await using refused = open({ pieces: 2, pieceBytes: 10, fail: "app" }, { hashApart });
    const error = await readAll(refused.stream).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: "source_failed", hint: "look", retryable: true, message: "no more" });
    await using broken = open({ pieces: 2, pieceBytes: 10, fail: "system" }, { hashApart });
    await expect(readAll(broken.stream)).rejects.toMatchObject({ code: "EIO" });
    expect(() => broken.digest()).toThrow("has not ended");
  },
);

test.each([false, true])(
  "a thread that ends without a word is an error, not an end (hashed apart: %p)",
  async (hashApart) => {
    await using gone = open({ pieces: 2, pieceBytes: 10, fail: "exit" }, { hashApart });
    await expect(readAll(gone.stream)).rejects.toThrow("thread of the program");
  },
);

test.each([false, true])(
  "an aborted signal ends the wait with its reason, and the thread with it (hashed apart: %p)",
  async (hashApart) => {
    const controller = new AbortController();
    const thread = open({ pieces: 1_000_000, pieceBytes: blockBytes }, { signal: controller.signal, hashApart });
    const iterator = thread.stream[Symbol.asyncIterator]();
    await iterator.next();
    controller.abort(new AppError("cancelled", "enough"));
    await expect(iterator.next()).rejects.toThrow("enough");
    await thread.over;
  },
);

test.each([false, true])(
  "a thread that nobody reads ends when it is disposed (hashed apart: %p)",
  async (hashApart) => {
    const thread = open({ pieces: 1_000_000, pieceBytes: blockBytes }, { hashApart });
    const started = performance.now();
    await thread[Symbol.asyncDispose]();
    expect(performance.now() - started).toBeLessThan(1_500);
  },
);
