import { expect, test } from "bun:test";
import { openMemoryStore } from "./memory/index.ts";
import { withMemoryRelief } from "./with-memory-relief.ts";

const signal = new AbortController().signal;

test("reading passes every byte on and relieves every few megabytes", async () => {
  let relieved = 0;
  await using store = withMemoryRelief(openMemoryStore(), () => (relieved += 1));
  await using writer = await store.openWriter("p/a", { signal });
  for (let index = 0; index < 20; index++) await writer.write(new Uint8Array(1024 * 1024).fill(index));
  await writer.close();
  let bytes = 0;
  let sum = 0;
  for await (const chunk of store.read("p/a", { signal })) {
    bytes += chunk.length;
    sum += chunk.reduce((total, byte) => total + byte, 0);
  }
  expect(bytes).toBe(20 * 1024 * 1024);
  expect(sum).toBe(190 * 1024 * 1024);
  expect(relieved).toBeGreaterThanOrEqual(1);
});

test("everything else is the store's own", async () => {
  await using store = withMemoryRelief(openMemoryStore(), () => {});
  await store.create("p/b", new Uint8Array(3), { signal });
  expect((await store.find("p/b", signal))?.sizeBytes).toBe(3);
  await store.probe(signal);
  expect(await store.listDebris(signal)).toEqual([]);
  expect(await Array.fromAsync(store.list("p/", signal))).toHaveLength(1);
  await store.delete("p/b", signal);
  expect(await store.find("p/b", signal)).toBeUndefined();
});
