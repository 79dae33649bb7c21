import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { AppError } from "../domain/error.ts";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { compressPart, type CompressPartRequest } from "./compress-part.ts";
import { storePart, type StoredPart, type StorePartRequest } from "./store-part.ts";

const plain = Buffer.from("some plain bytes ".repeat(500));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function* stream(bytes: Uint8Array = plain): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

type Changes = Partial<Omit<StorePartRequest, "compressed"> & Pick<CompressPartRequest, "part" | "onPlainBytes">>;

async function store(world: TestDeps, { part, onPlainBytes, ...changes }: Changes = {}): Promise<StoredPart> {
  await using compressed = compressPart(world.deps, {
    source: "database",
    part: part ?? { suffix: "", format: "dump", stream: stream() },
    compression: { algorithm: "gzip", level: 1 },
    abortSource: () => {},
    onPlainBytes: onPlainBytes ?? (() => {}),
  });
  return await storePart(world.deps, {
    backupId: "abcd1234",
    partName: "database",
    source: "database",
    key: "shop/x.dump.gz",
    compressed,
    cipher: null,
    stores: ["one", "two"].map((name) => ({ name, store: world.store(name) })),
    tags: {},
    expectedBytes: 100,
    signal: world.signal,
    ...changes,
  });
}

test("a part is described by the lengths and hashes of what went in and what came out", async () => {
  const world = openTestDeps();
  const heard: number[] = [];
  const { part, failures } = await store(world, { onPlainBytes: (bytes) => heard.push(bytes) });
  const stored = world.store("one").objects.get("shop/x.dump.gz")!.bytes;
  expect(failures).toEqual([]);
  expect(gunzipSync(stored)).toEqual(plain);
  expect(part).toMatchObject({
    plainBytes: plain.length,
    compressedBytes: stored.length,
    storedBytes: stored.length,
    plainSha256: sha256(plain),
    storedSha256: sha256(stored),
    encryption: null,
  });
  expect(heard.at(-1)).toBe(plain.length);
});

test("a storage that holds fewer bytes than were written is dropped, and none but such is an error", async () => {
  const world = openTestDeps();
  const lying = (name: string): void => {
    const store = world.store(name);
    const openWriter = store.openWriter.bind(store);
    store.openWriter = async (key, options) => {
      const writer = await openWriter(key, options);
      return { ...writer, close: async () => ({ ...(await writer.close()), sizeBytes: 3 }) };
    };
  };
  lying("two");
  const { failures } = await store(world);
  expect(failures.map(({ name, error }) => [name, error.code])).toEqual([["two", "storage_failed"]]);
  expect(failures[0]!.error.message).toContain("storage two holds 3 bytes of shop/x.dump.gz, ");
  lying("one");
  await expect(store(world, { key: "shop/y.dump.gz" })).rejects.toMatchObject({
    code: "storage_failed",
    retryable: true,
  });
});

test("memory is given back while a large part passes", async () => {
  const world = openTestDeps();
  let relieved = 0;
  const deps = { ...world.deps, relieveMemory: () => void (relieved += 1) };
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < 70; sent++) yield new Uint8Array(1024 * 1024);
  }
  await store({ ...world, deps }, { part: { suffix: "", format: "dump", stream: large() } });
  expect(relieved).toBeGreaterThan(1);
  expect(world.points).toContain("dump.part_half");
});

test("a storage that does not open in time is dropped, and what it opens later is let go", async () => {
  const world = openTestDeps({ settings: { stallTimeoutMs: 50 } });
  const two = world.store("two");
  const openWriter = two.openWriter.bind(two);
  two.openWriter = async (key, options) => {
    await Bun.sleep(100);
    return openWriter(key, { ...options, signal: new AbortController().signal });
  };
  const { failures } = await store(world);
  expect(failures.map(({ name, error }) => [name, error.code])).toEqual([["two", "stalled"]]);
  await Bun.sleep(100);
  expect(two.calls).toContain("abort shop/x.dump.gz");
  expect(await two.listDebris(world.signal)).toEqual([]);
});

test("a cancel while storages are opened ends at once, even when they do not listen", async () => {
  const world = openTestDeps({ settings: { stallTimeoutMs: 60_000 } });
  for (const name of ["one", "two"]) world.store(name).faults.push({ on: "open", deaf: true });
  const storing = store(world);
  setTimeout(() => world.abort(), 10);
  await expect(storing).rejects.toMatchObject({ code: "cancelled" });
});

test("a cancel before anything was opened opens nothing", async () => {
  const world = openTestDeps();
  world.abort();
  await expect(store(world)).rejects.toMatchObject({ code: "cancelled" });
  expect(world.store("one").calls).toEqual([]);
});

test("a cipher that fails before its first byte leaves no unfinished write", async () => {
  const world = openTestDeps();
  const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
  const encrypt = (): never => {
    throw new AppError("cipher_failed", "no such recipient");
  };
  await expect(store(world, { cipher: { ...real, encrypt } })).rejects.toMatchObject({ code: "cipher_failed" });
  for (const name of ["one", "two"]) expect(await world.store(name).listDebris(world.signal)).toEqual([]);
});
