import { describe, expect, test } from "bun:test";
import type { Clock } from "../../ports/clock.ts";
import { describeObjectStoreContract } from "../../ports/object-store.contract.ts";
import { openMemoryStore } from "./memory/index.ts";
import { withBandwidthLimit } from "./with-bandwidth-limit.ts";

const signal = new AbortController().signal;

/** Time that passes only in sleep. */
function fakeClock(): Clock & { elapsedMs(): number } {
  let now = 1000;
  return {
    now: () => now,
    monotonicMs: () => now,
    async sleep(milliseconds, abortSignal) {
      abortSignal?.throwIfAborted();
      now += milliseconds;
    },
    elapsedMs: () => now - 1000,
  };
}

describeObjectStoreContract("memory behind a bandwidth limit", async () => ({
  store: withBandwidthLimit(openMemoryStore(), { uploadKbps: 1e7, downloadKbps: 1e7 }, fakeClock()),
  async [Symbol.asyncDispose]() {},
}));

describe("bandwidth limit", () => {
  test("ten writers together take the time that their bytes take at the limit", async () => {
    const clock = fakeClock();
    const store = withBandwidthLimit(openMemoryStore(), { uploadKbps: 100 }, clock);
    const writes = Array.from({ length: 10 }, async (_, i) => {
      await using writer = await store.openWriter(`${i}.bin`, { signal });
      for (let n = 0; n < 4; n++) await writer.write(new Uint8Array(256 * 1024));
      await writer.close();
    });
    await Promise.all(writes);
    expect(clock.elapsedMs()).toBeGreaterThan((10 * 1024 * 1000) / 100 - 1000);
    expect(clock.elapsedMs()).toBeLessThan((10 * 1024 * 1000) / 100 + 1000);
  });

  test("reading is held to its own limit, and writing then is free", async () => {
    const clock = fakeClock();
    const store = withBandwidthLimit(openMemoryStore(), { downloadKbps: 50 }, clock);
    await store.create("a.bin", new Uint8Array(500 * 1024), { signal });
    expect(clock.elapsedMs()).toBe(0);
    let bytes = 0;
    for await (const chunk of store.read("a.bin", { signal })) {
      bytes += chunk.length;
      expect(chunk.length).toBeLessThanOrEqual(13 * 1024);
    }
    expect(bytes).toBe(500 * 1024);
    expect(Math.round(clock.elapsedMs() / 1000)).toBe(10);
  });

  test("without limits it is the store itself", () => {
    const store = openMemoryStore();
    expect(withBandwidthLimit(store, {}, fakeClock())).toBe(store);
  });

  test("a wait for bandwidth ends when the run is cancelled", async () => {
    const clock: Clock = {
      ...fakeClock(),
      sleep: (_, abortSignal) =>
        new Promise((_resolve, reject) => {
          abortSignal?.addEventListener("abort", () => reject(abortSignal.reason), { once: true });
        }),
    };
    const controller = new AbortController();
    const store = withBandwidthLimit(openMemoryStore(), { uploadKbps: 1 }, clock);
    await using writer = await store.openWriter("a.bin", { signal: controller.signal });
    const writing = writer.write(new Uint8Array(1024 * 1024));
    controller.abort(new Error("enough"));
    await expect(writing).rejects.toThrow("enough");
  });
});
