import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { AppError } from "../domain/error.ts";
import type { ManifestPart } from "../domain/backup/manifest.ts";
import { codecs } from "../adapters/codec/index.ts";
import { openMemoryStore } from "../adapters/object-store/memory/index.ts";
import { openPlainPart } from "./open-plain-part.ts";

const plain = Buffer.from("rows and rows of text, ".repeat(200));
const sha256 = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Of a part that was stored as `promised`, when the storage now gives `held`. */
async function read(promised: Uint8Array, held: Uint8Array): Promise<Buffer> {
  const store = openMemoryStore();
  store.objects.set("shop/x.dump.gz", { bytes: held, modifiedAt: 0 });
  const part: ManifestPart = {
    name: "database",
    source: "shop",
    format: "dump",
    key: "shop/x.dump.gz",
    plainBytes: plain.length,
    plainSha256: sha256(plain),
    compressedBytes: promised.length,
    storedBytes: promised.length,
    storedSha256: sha256(promised),
    compression: { algorithm: "gzip", level: 6 },
    encryption: null,
  };
  const deps = { codecs, settings: { stallTimeoutMs: 5_000 } } as unknown as Parameters<typeof openPlainPart>[0];
  const { signal } = new AbortController();
  const chunks: Uint8Array[] = [];
  for await (const chunk of openPlainPart(deps, { store, backupId: "k3v9q2xa", part, cipher: null, signal }))
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const stored = gzipSync(plain, { level: 6 });

test("a part comes back as it was dumped", async () => {
  expect(await read(stored, stored)).toEqual(plain);
});

test("other stored bytes are refused, even when they hold the same dump", async () => {
  const again = gzipSync(plain, { level: 1 });
  const sameLength = Buffer.from(stored);
  sameLength[9] = sameLength[9]! ^ 1; // the operating system that a gzip file names, which nobody reads
  await expect(read(stored, again)).rejects.toThrow("shop/x.dump.gz: stored bytes are");
  await expect(read(stored, sameLength)).rejects.toThrow("shop/x.dump.gz: SHA-256 of the stored bytes are");
});

test("damage that a decoder finds is told of the object, with what to do", async () => {
  const flipped = Buffer.from(stored);
  flipped[30] = flipped[30]! ^ 0xff;
  const failure = await read(stored, flipped).catch((error: unknown) => error as AppError);
  expect(failure).toMatchObject({ code: "backup_corrupt", details: { key: "shop/x.dump.gz" } });
  expect((failure as AppError).message).toStartWith("shop/x.dump.gz: gzip data is damaged");
  expect((failure as AppError).hint).toContain("restore from another storage");
});
