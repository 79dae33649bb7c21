import { expect, test } from "bun:test";
import { AppError } from "../../domain/error.ts";
import type { Cipher } from "../../ports/cipher.ts";
import { inChunks, readAll, samplePlain } from "../../ports/codec.contract.ts";
import { open } from "../cipher/aes-256-gcm/index.ts";
import { codecs } from "../codec/index.ts";
import { openPayload, type PayloadTools } from "./open-payload.ts";

const signal = new AbortController().signal;
const context = { tmpDir: "/nonexistent", tools: {}, defaultKey: () => Promise.reject(new Error("not asked for")) };
const cipher = await open({ password: "p" }, context);
const asked: string[] = [];
const tools: PayloadTools = {
  codecs,
  signal,
  async openCipher(scheme): Promise<Cipher> {
    asked.push(scheme);
    return cipher;
  },
};
const dump = Buffer.concat([Buffer.from("PGDMP"), samplePlain(200_000)]);
const part = { backupId: "k3v9q2xa", part: "database" };
const encrypted = (bytes: Uint8Array): Promise<Uint8Array> =>
  readAll(cipher.encrypt(inChunks(bytes, 999), part, signal));
const compressed = (bytes: Uint8Array, name: "zstd" | "gzip"): Promise<Uint8Array> =>
  readAll(codecs[name].compress(inChunks(bytes, 999), 3));

test("layers are taken off by the bytes alone, from the outside in", async () => {
  for (const [layers, bytes] of [
    [[], dump],
    [["zstd"], await compressed(dump, "zstd")],
    [["gzip"], await compressed(dump, "gzip")],
    [["aes-256-gcm", "zstd"], await encrypted(await compressed(dump, "zstd"))],
    [["gzip", "aes-256-gcm", "gzip"], await compressed(await encrypted(await compressed(dump, "gzip")), "gzip")],
  ] as const) {
    for (const chunkBytes of [100, 1_000_000]) {
      const opened = await openPayload(inChunks(bytes, chunkBytes), tools);
      expect([...opened.layers]).toEqual([...layers]);
      expect(opened.payload).toEqual({ kind: "postgres-custom" });
      expect(Buffer.compare(await readAll(opened.stream), dump)).toBe(0);
    }
  }
});

test("a key is asked for only when the file needs it", async () => {
  asked.length = 0;
  await openPayload(inChunks(await compressed(dump, "zstd"), 1000), tools);
  expect(asked).toEqual([]);
  await openPayload(inChunks(await encrypted(dump), 1000), tools);
  expect(asked).toEqual(["aes-256-gcm"]);
});

test("a cut file is an error at its end, not a short payload", async () => {
  const bytes = await compressed(samplePlainDump(9_000_000), "zstd");
  const opened = await openPayload(inChunks(bytes.subarray(0, bytes.length - 100), 4096), tools);
  await expect(readAll(opened.stream)).rejects.toMatchObject({ code: "backup_corrupt" });
});

function samplePlainDump(size: number): Uint8Array {
  return Buffer.concat([Buffer.from("PGDMP"), samplePlain(size)]);
}

test("an empty file and unknown bytes are said to be unknown, and stay readable", async () => {
  const nothing = await openPayload(inChunks(new Uint8Array(0), 1), tools);
  expect(nothing).toMatchObject({ layers: [], payload: { kind: "unknown" } });
  const junk = await openPayload(inChunks(samplePlain(100), 7), tools);
  expect(junk.payload).toEqual({ kind: "unknown" });
  expect(Buffer.compare(await readAll(junk.stream), samplePlain(100))).toBe(0);
});

test("a wrong key ends it, and the input is closed", async () => {
  let closed = false;
  const stored = await encrypted(dump);
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* inChunks(stored, 1000);
    } finally {
      closed = true;
    }
  }
  const stranger = await open({ password: "another" }, context);
  const opening = openPayload(watched(), { ...tools, openCipher: async () => stranger });
  await expect(opening).rejects.toMatchObject({ code: "wrong_key" });
  expect(closed).toBe(true);
});

test("layers without end are refused", async () => {
  let bytes: Uint8Array = dump;
  for (let layer = 0; layer < 6; layer++) bytes = await compressed(bytes, "gzip");
  expect((await openPayload(inChunks(bytes, 1000), tools)).layers).toHaveLength(6);
  const opening = openPayload(inChunks(await compressed(bytes, "gzip"), 1000), tools);
  await expect(opening).rejects.toMatchObject({ code: "unsupported" });
  await expect(opening).rejects.toBeInstanceOf(AppError);
});

test("a stream that is left before its first byte closes the input, below every layer", async () => {
  for (const bytes of [dump, await compressed(dump, "zstd"), await encrypted(await compressed(dump, "zstd"))]) {
    let closed = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      try {
        yield* inChunks(bytes, 1000);
      } finally {
        closed = true;
      }
    }
    const { stream } = await openPayload(watched(), tools);
    await stream[Symbol.asyncIterator]().return?.();
    expect(closed).toBe(true);
  }
});
