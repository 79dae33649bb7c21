// Writes docs/reference/vectors: encrypted parts with every random choice fixed, for readers of the format in any
// language. The test beside the cipher and the one of decrypt-backup.mjs check that both sides agree with them.
//
//   bun scripts/make-format-vectors.ts

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deriveKeys } from "../src/adapters/cipher/derive-keys.ts";
import { formatKeyToken, type KeyMaterial } from "../src/adapters/cipher/key-material.ts";
import { seal } from "../src/adapters/cipher/aes-256-gcm/seal.ts";
import { defaultScryptCost, type ScryptCost } from "../src/domain/backup/container-format.ts";
import type { ByteStream } from "../src/ports/byte-stream.ts";

export interface FormatVector {
  readonly name: string;
  readonly about: string;
  /** A password, or a key in its text form. */
  readonly secret: string;
  readonly backupId: string;
  readonly part: string;
  readonly keyId: string;
  /** The plain text is this many bytes of SHA-256("plain", counter) blocks; see docs/reference/format.md. */
  readonly plainBytes: number;
  readonly plainSha256: string;
  /** The whole file in base64. */
  readonly stored: string;
  /** What a reader must say: null for a good file. */
  readonly refusal: "backup_corrupt" | "wrong_key" | null;
}

const context = { backupId: "k3v9q2xa", part: "database" };
const password = "correct horse battery staple";
const rawKey = hashBytes("raw key", 32);
const segmentLog2 = 12;
const cheap: ScryptCost = { log2N: 10, r: 8, p: 1 };

/** Bytes that anybody can make again: SHA-256 of the label and a counter, one block after the other. */
export function hashBytes(label: string, length: number): Uint8Array {
  const blocks: Buffer[] = [];
  for (let index = 0; index * 32 < length; index++) {
    blocks.push(createHash("sha256").update(`${label} ${index}`).digest());
  }
  return Uint8Array.from(Buffer.concat(blocks).subarray(0, length));
}

async function sealFixed(
  material: KeyMaterial,
  cost: ScryptCost | null,
  plainBytes: number,
): Promise<[Buffer, string]> {
  const salt = hashBytes("salt", 16);
  const keys = await deriveKeys(material, salt, cost ?? defaultScryptCost);
  let asked = 0;
  const random = (length: number): Uint8Array => hashBytes(`random ${asked++}`, length);
  const options = { keys, salt, scrypt: cost, segmentLog2, random };
  const chunks: Uint8Array[] = [];
  for await (const chunk of seal(
    once(hashBytes("plain", plainBytes)),
    context,
    options,
    new AbortController().signal,
  )) {
    chunks.push(chunk);
  }
  return [Buffer.concat(chunks), Buffer.from(keys.keyId).toString("hex")];
}

async function* once(bytes: Uint8Array): ByteStream {
  if (bytes.length > 0) yield bytes;
}

export async function makeVectors(): Promise<readonly FormatVector[]> {
  const byPassword: KeyMaterial = { kind: "password", password };
  const vectors: FormatVector[] = [];
  async function add(
    name: string,
    about: string,
    plainBytes: number,
    damage: (stored: Buffer) => Buffer = (stored) => stored,
    refusal: FormatVector["refusal"] = null,
    material: KeyMaterial = byPassword,
    cost: ScryptCost | null = cheap,
  ): Promise<void> {
    const [stored, keyId] = await sealFixed(material, cost, plainBytes);
    const right = material.kind === "raw" ? formatKeyToken(material.key) : material.password;
    const secret = refusal === "wrong_key" ? `${right} no` : right;
    const plainSha256 = createHash("sha256").update(hashBytes("plain", plainBytes)).digest("hex");
    const text = damage(stored).toString("base64");
    vectors.push({ name, about, secret, ...context, keyId, plainBytes, plainSha256, stored: text, refusal });
  }

  const headerBytes = 125 + context.backupId.length + context.part.length;
  const recordBytes = 2 ** segmentLog2 + 16;
  const segment = (stored: Buffer, index: number): Buffer =>
    stored.subarray(headerBytes + index * recordBytes, headerBytes + (index + 1) * recordBytes);

  await add("empty", "no plain text: one last segment of nothing but its tag", 0);
  await add("short", "one short segment", 100);
  await add(
    "product-cost",
    "the key derivation that the program uses",
    5,
    undefined,
    null,
    byPassword,
    defaultScryptCost,
  );
  await add("one-segment", "exactly one segment", 2 ** segmentLog2);
  await add("three-segments", "two whole segments and a short one", 2 * 2 ** segmentLog2 + 10);
  await add("key-file", "sealed with a key file", 100, undefined, null, { kind: "raw", key: rawKey }, null);
  await add("wrong-password", "another password than it was sealed with", 100, undefined, "wrong_key");
  const bad = "backup_corrupt" as const;
  const three = 3 * 2 ** segmentLog2;
  await add(
    "flipped",
    "one bit of the body changed",
    100,
    (s) => (s.writeUInt8(s.at(-20)! ^ 1, s.length - 20), s),
    bad,
  );
  await add("flipped-header", "one bit of the part's name changed", 100, (s) => (s.writeUInt8(s[60]! ^ 1, 60), s), bad);
  await add("cut-at-segment", "the last segment is missing", three, (s) => s.subarray(0, s.length - recordBytes), bad);
  await add("cut-in-segment", "the last byte is missing", three, (s) => s.subarray(0, s.length - 1), bad);
  await add("cut-after-header", "nothing but the header", 100, (s) => s.subarray(0, headerBytes), bad);
  await add(
    "swapped",
    "the first two segments exchanged",
    three,
    (s) => Buffer.concat([s.subarray(0, headerBytes), segment(s, 1), segment(s, 0), segment(s, 2)]),
    bad,
  );
  await add("doubled", "the last segment twice", three, (s) => Buffer.concat([s, segment(s, 2)]), bad);
  await add("trailing", "one byte after the end", 100, (s) => Buffer.concat([s, Buffer.of(0)]), bad);
  return vectors;
}

export const vectorsFolder = join(import.meta.dir, "../docs/reference/vectors");

if (import.meta.main) {
  await mkdir(vectorsFolder, { recursive: true });
  for (const vector of await makeVectors()) {
    await writeFile(join(vectorsFolder, `${vector.name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
  }
}
