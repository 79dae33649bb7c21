import { expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { ObjectWriter } from "../ports/object-store.ts";
import { fanOut, type Sink } from "./fan-out.ts";

interface FakeSink extends Sink {
  readonly chunks: Uint8Array[];
  readonly events: string[];
}

function fakeSink(
  name: string,
  behaviour: { write?: (n: number) => Promise<void>; close?: () => Promise<void> } = {},
): FakeSink {
  const chunks: Uint8Array[] = [];
  const events: string[] = [];
  let rejectOpen: ((error: AppError) => void) | undefined;
  const writer: ObjectWriter = {
    async write(chunk) {
      const aborted = new Promise<never>((_resolve, reject) => (rejectOpen = reject));
      await Promise.race([behaviour.write?.(chunks.length) ?? Promise.resolve(), aborted]);
      chunks.push(chunk);
    },
    async close() {
      await behaviour.close?.();
      events.push("close");
      return { key: name, sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0), modifiedAt: 0 };
    },
    async abort() {
      events.push("abort");
    },
    async [Symbol.asyncDispose]() {},
  };
  return { name, writer, chunks, events, abort: (reason) => rejectOpen?.(reason) };
}

async function* chunks(count: number, size = 1024 * 1024): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(size).fill(index);
}

const freeChunk = (): void => {};
const options = { stallTimeoutMs: 5_000, freeChunk };

test("every storage receives every chunk in order and is closed once", async () => {
  const sinks = [fakeSink("a"), fakeSink("b"), fakeSink("c")];
  const result = await fanOut(chunks(20), sinks, options);
  expect(result.failures).toEqual([]);
  for (const sink of sinks) {
    expect(sink.chunks.map((chunk) => chunk[0])).toEqual([...Array(20).keys()]);
    expect(sink.events).toEqual(["close"]);
  }
});

test("a storage that fails is aborted and the others go on", async () => {
  const broken = fakeSink("broken", {
    write: async (n) => {
      if (n === 3) throw new AppError("storage_failed", "storage broken: disk on fire");
    },
  });
  const good = fakeSink("good");
  const result = await fanOut(chunks(20), [broken, good], options);
  expect(result.stored.map((entry) => entry.name)).toEqual(["good"]);
  expect(result.failures.map((entry) => [entry.name, entry.error.code])).toEqual([["broken", "storage_failed"]]);
  expect(broken.events).toEqual(["abort"]);
  expect(good.chunks.length).toBe(20);
});

test("a storage that fails to close is a failure", async () => {
  const broken = fakeSink("broken", {
    close: async () => Promise.reject(new AppError("storage_failed", "size differs")),
  });
  const result = await fanOut(chunks(2), [broken, fakeSink("good")], options);
  expect(result.failures[0]!.error.message).toBe("size differs");
  expect(broken.events).toEqual(["abort"]);
});

test("when no storage is left the stream is stopped and the storage's error thrown", async () => {
  let produced = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; produced < 1000; produced++) yield new Uint8Array(1024 * 1024);
  }
  const broken = fakeSink("broken", {
    write: async () => Promise.reject(new AppError("disk_full", "storage broken is full")),
  });
  await expect(fanOut(endless(), [broken], options)).rejects.toThrow("storage broken is full");
  expect(produced).toBeLessThan(20);
});

test("an error of the source aborts every storage and closes none", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    throw new AppError("source_failed", "pg_dump ended with status 1");
  }
  const sinks = [fakeSink("a"), fakeSink("b")];
  await expect(fanOut(broken(), sinks, options)).rejects.toThrow("pg_dump ended with status 1");
  for (const sink of sinks) expect(sink.events).not.toContain("close");
  for (const sink of sinks) expect(sink.events).toContain("abort");
});

test("a storage that stalls is given up after the stall time and does not hold the others", async () => {
  const stuck = fakeSink("stuck", { write: () => new Promise(() => {}) });
  const good = fakeSink("good");
  const result = await fanOut(chunks(10), [stuck, good], { stallTimeoutMs: 600, freeChunk });
  expect(result.failures.map(({ error }) => [error.code, error.message])).toEqual([
    ["stalled", "storage stuck accepted no data for 1 s"],
  ]);
  expect(good.chunks.length).toBe(10);
});

test("a write that never settles, not even when it is aborted, holds nobody for longer than it must", async () => {
  const told: string[] = [];
  const deaf = { ...fakeSink("deaf"), abort: (reason: AppError) => void told.push(reason.message) };
  deaf.writer.write = () => new Promise(() => {});
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    await Bun.sleep(5);
    throw new AppError("source_failed", "pg_dump ended with status 1");
  }
  const started = performance.now();
  await expect(fanOut(broken(), [deaf], { stallTimeoutMs: 60_000, freeChunk })).rejects.toThrow(
    "pg_dump ended with status 1",
  );
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(deaf.events).toContain("abort");
  expect(told).toEqual(["pg_dump ended with status 1"]);
});

test("an abort that never ends is not waited for", async () => {
  const stuck = fakeSink("stuck", { write: () => Promise.reject(new AppError("storage_failed", "reset")) });
  stuck.writer.abort = () => new Promise(() => {});
  const result = await fanOut(chunks(10), [stuck, fakeSink("good")], { stallTimeoutMs: 100, freeChunk });
  expect(result.failures.map(({ error }) => error.message)).toEqual(["reset"]);
});

test("a close that never ends is a stall of that storage", async () => {
  const stuck = fakeSink("stuck", { close: () => new Promise(() => {}) });
  const result = await fanOut(chunks(2), [stuck, fakeSink("good")], { stallTimeoutMs: 100, freeChunk });
  expect(result.failures.map(({ name, error }) => [name, error.code, error.retryable])).toEqual([
    ["stuck", "stalled", true],
  ]);
});

test("chunks that were written are not kept in memory", async () => {
  const sink = fakeSink("a");
  sink.writer.write = async () => {};
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 400; index++) {
      yield new Uint8Array(1024 * 1024).fill(index);
      if (index % 20 === 0) Bun.gc(true);
    }
  }
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  await fanOut(large(), [sink], options);
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
});

test("a slow storage holds the source back instead of filling memory", async () => {
  let produced = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (; produced < 40; produced++) yield new Uint8Array(1024 * 1024);
  }
  let consumed = 0;
  let worst = 0;
  const slow = fakeSink("slow", {
    write: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      consumed++;
      worst = Math.max(worst, produced - consumed);
    },
  });
  await fanOut(counted(), [slow], options);
  expect(worst).toBeLessThan(8);
});

test("an empty stream still makes an empty object", async () => {
  const sink = fakeSink("a");
  const result = await fanOut(chunks(0), [sink], options);
  expect(result.stored[0]!.info.sizeBytes).toBe(0);
});

test("a chunk is freed once, after the slowest storage has taken it", async () => {
  const gate = Promise.withResolvers<void>();
  const freed: (number | undefined)[] = [];
  const slow = fakeSink("slow", { write: (n) => (n === 1 ? gate.promise : Promise.resolve()) });
  const running = fanOut(chunks(3), [fakeSink("fast"), slow], {
    ...options,
    freeChunk: (chunk) => void freed.push(chunk[0]),
  });
  await Bun.sleep(20);
  expect(freed).toEqual([0]);
  gate.resolve();
  await running;
  expect(freed).toEqual([0, 1, 2]);
});

test("a chunk that a failed storage may still hold is not freed, those after it are", async () => {
  const freed: (number | undefined)[] = [];
  const stuck = fakeSink("stuck", { write: (n) => (n === 1 ? new Promise(() => {}) : Promise.resolve()) });
  const result = await fanOut(chunks(4), [stuck, fakeSink("good")], {
    stallTimeoutMs: 100,
    freeChunk: (chunk) => void freed.push(chunk[0]),
  });
  expect(result.failures.map(({ name }) => name)).toEqual(["stuck"]);
  expect(freed).toEqual([0, 2, 3]);
});
