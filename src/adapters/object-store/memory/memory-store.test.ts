import { describe, expect, test } from "bun:test";
import { checkObjectStore } from "../../../ports/object-store.check.ts";
import { describeObjectStoreContract } from "../../../ports/object-store.contract.ts";
import { openMemoryStore } from "./index.ts";

const signal = new AbortController().signal;

describeObjectStoreContract("memory", async () => ({
  store: openMemoryStore(),
  async [Symbol.asyncDispose]() {},
}));

describe("memory store", () => {
  test("a full store says so and keeps what it has", async () => {
    const store = openMemoryStore({ capacityBytes: 1000 });
    await store.create("a.json", new Uint8Array(600), { signal });
    await expect(store.create("b.json", new Uint8Array(600), { signal })).rejects.toMatchObject({ code: "disk_full" });
    expect(await store.freeBytes(signal)).toBe(400);
    expect([...store.objects.keys()]).toEqual(["a.json"]);
  });

  test("a fault strikes the operation it was meant for", async () => {
    const store = openMemoryStore({
      fault(operation, _key, bytes) {
        if (operation === "write" && bytes > 10) throw new Error("struck");
      },
    });
    await using writer = await store.openWriter("a.bin", { signal });
    await writer.write(new Uint8Array(10));
    await expect(writer.write(new Uint8Array(1))).rejects.toThrow("struck");
  });
});

describe("a check of a storage", () => {
  test("reports every promise of a good store as kept and leaves it as it was", async () => {
    const store = openMemoryStore();
    const seen: string[] = [];
    const report = await checkObjectStore(store, {
      effort: "full",
      signal,
      onResult: (result) => seen.push(result.name),
    });
    expect(report.results.filter((result) => !result.passed)).toEqual([]);
    expect(report.passed).toBe(true);
    expect(seen).toEqual(report.results.map((result) => result.name));
    expect(store.objects.size).toBe(0);
  });

  test("names the promise that a bad store breaks, and cleans up all the same", async () => {
    const good = openMemoryStore();
    const forgetful = {
      ...good,
      create: async (...args: Parameters<typeof good.create>) => {
        good.objects.delete(args[0]);
        return good.create(...args);
      },
    };
    const report = await checkObjectStore(forgetful, { effort: "quick", signal });
    expect(report.passed).toBe(false);
    const broken = report.results.filter((result) => !result.passed).map((result) => result.name);
    expect(broken).toContain("creating an object that exists is refused and changes nothing");
    expect(good.objects.size).toBe(0);
  });

  test("ends when it is cancelled and still cleans up", async () => {
    const controller = new AbortController();
    const store = openMemoryStore();
    const options = {
      effort: "quick" as const,
      signal: controller.signal,
      onResult: () => controller.abort(new Error("stop")),
    };
    await expect(checkObjectStore(store, options)).rejects.toThrow("stop");
    expect(store.objects.size).toBe(0);
  });

  const breakages: Record<string, (store: ReturnType<typeof openMemoryStore>) => Partial<typeof store>> = {
    "is empty by error": () => ({ async *list() {} }),
    "cuts its readers": (store) => ({
      async *read(key, options) {
        for await (const chunk of store.read(key, options)) {
          yield chunk;
          return;
        }
      },
    }),
    "shows objects before they are closed": (store) => ({
      async openWriter(key, options) {
        const writer = await store.openWriter(key, options);
        store.objects.set(key, { bytes: new Uint8Array(), modifiedAt: Date.now() });
        return writer;
      },
    }),
    "hides unfinished uploads": () => ({ listDebris: async () => [] }),
    "finds nothing": () => ({ find: async () => undefined }),
    "never deletes": () => ({ delete: async () => {} }),
  };
  for (const [name, change] of Object.entries(breakages)) {
    test(`fails a store that ${name}`, async () => {
      const store = openMemoryStore();
      const report = await checkObjectStore({ ...store, ...change(store) }, { effort: "quick", signal });
      expect(report.passed).toBe(false);
    });
  }
});
