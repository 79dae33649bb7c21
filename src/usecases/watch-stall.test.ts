import { expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import { watchStall } from "./watch-stall.ts";

const stall = (): AppError => new AppError("stalled", "nothing came");

async function collect(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

test("a stream that flows passes unchanged", async () => {
  async function* flowing(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 5; index++) {
      await Bun.sleep(20);
      yield new Uint8Array(10);
    }
  }
  expect(await collect(watchStall(flowing(), 1_000, stall, () => {}))).toBe(50);
});

test("a producer that sends nothing in time is told to stop, and the stream throws even if it does not", async () => {
  async function* stuck(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
    await new Promise(() => {});
  }
  const told: AppError[] = [];
  await expect(collect(watchStall(stuck(), 60, stall, (error) => told.push(error)))).rejects.toThrow("nothing came");
  expect(told.length).toBeGreaterThan(0);
});

test("a producer that shows life by other means has not stalled", async () => {
  async function* busy(): AsyncGenerator<Uint8Array> {
    await Bun.sleep(300);
    yield new Uint8Array(1);
  }
  const alive = watchStall(
    busy(),
    60,
    stall,
    () => {},
    () => performance.now(),
  );
  expect(await collect(alive)).toBe(1);
});

test("a slow consumer is not a stall of the producer", async () => {
  async function* quick(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 3; index++) yield new Uint8Array(1);
  }
  let bytes = 0;
  for await (const chunk of watchStall(quick(), 40, stall, () => {})) {
    await Bun.sleep(100);
    bytes += chunk.length;
  }
  expect(bytes).toBe(3);
});

test("leaving early ends the producer", async () => {
  let ended = false;
  async function* producer(): AsyncGenerator<Uint8Array> {
    try {
      while (true) yield new Uint8Array(1);
    } finally {
      ended = true;
    }
  }
  for await (const _ of watchStall(producer(), 1_000, stall, () => {})) break;
  expect(ended).toBe(true);
});

test("chunks that have passed are not kept in memory", async () => {
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 400; index++) yield new Uint8Array(1024 * 1024).fill(index);
  }
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let peak = 0;
  for await (const _ of watchStall(large(), 60_000, stall, () => {})) {
    Bun.gc(true);
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  expect(peak - before).toBeLessThan(120 * 1024 * 1024);
}, 30_000);
