// The two sides of a block thread against each other, with a producer made for the purpose.

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { AppError } from "../../domain/error.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import { blockBytes } from "./block-message.ts";
import { openBlockThread } from "./open-block-thread.ts";
import type { SampleRequest } from "../../../tests/support/sample-producer-worker.ts";

const worker = "../../tests/support/sample-producer-worker";

function open(request: Partial<SampleRequest>, more: { signal?: AbortSignal; onNote?: (note: unknown) => void } = {}) {
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
  for (const [pieces, pieceBytes] of [
    [0, 1],
    [1, 1],
    [3, blockBytes],
    [7, 1_000_003],
    [5, blockBytes + 1],
  ] as const) {
    await using thread = open({ pieces, pieceBytes });
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

test("the producer's error ends the stream, an AppError as itself", async () => {
  await using refused = open({ pieces: 2, pieceBytes: 10, fail: "app" });
  const error = await readAll(refused.stream).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ code: "source_failed", hint: "look", retryable: true, message: "no more" });
  await using broken = open({ pieces: 2, pieceBytes: 10, fail: "system" });
  await expect(readAll(broken.stream)).rejects.toMatchObject({ code: "EIO" });
  expect(() => broken.digest()).toThrow("has not ended");
});

test("a thread that ends without a word is an error, not an end", async () => {
  await using gone = open({ pieces: 2, pieceBytes: 10, fail: "exit" });
  await expect(readAll(gone.stream)).rejects.toThrow("thread of the program");
});

test("an aborted signal ends the wait with its reason, and the thread with it", async () => {
  const controller = new AbortController();
  const thread = open({ pieces: 1_000_000, pieceBytes: blockBytes }, { signal: controller.signal });
  const iterator = thread.stream[Symbol.asyncIterator]();
  await iterator.next();
  controller.abort(new AppError("cancelled", "enough"));
  await expect(iterator.next()).rejects.toThrow("enough");
  await thread.over;
});

test("a thread that nobody reads ends when it is disposed", async () => {
  const thread = open({ pieces: 1_000_000, pieceBytes: blockBytes });
  const started = performance.now();
  await thread[Symbol.asyncDispose]();
  expect(performance.now() - started).toBeLessThan(1_500);
});
