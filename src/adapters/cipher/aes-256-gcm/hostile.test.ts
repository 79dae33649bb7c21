// Files made by somebody who knows the format, and in part the key: what the contract's blind damage cannot reach.

import { expect, test } from "bun:test";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { segmentNonce, type ScryptCost } from "../../../domain/backup/container-format.ts";
import { AppError } from "../../../domain/error.ts";
import { inChunks, readAll, samplePlain } from "../../../ports/codec.contract.ts";
import { deriveKeys } from "../derive-keys.ts";
import { headerCheck, seal } from "./seal.ts";
import { unseal } from "./unseal.ts";

const never = new AbortController().signal;
const context = { backupId: "k3v9q2xa", part: "database" };
const headerBytes = 125 + 8 + 8;
const segmentLog2 = 12;
const cost: ScryptCost = { log2N: 10, r: 8, p: 1 };
const salt = Uint8Array.from(randomBytes(16));
const keys = await deriveKeys({ kind: "password", password: "p" }, salt, cost);

async function sealWithKnownKey(
  plain: Uint8Array,
): Promise<{ stored: Buffer; dataKey: Uint8Array; prefix: Uint8Array }> {
  const drawn: Uint8Array[] = [];
  const random = (length: number): Uint8Array => {
    drawn.push(Uint8Array.from(randomBytes(length)));
    return drawn.at(-1)!;
  };
  const options = { keys, salt, scrypt: cost, segmentLog2, random };
  const stored = Buffer.from(await readAll(seal(inChunks(plain, 1000), context, options, never)));
  return { stored, dataKey: drawn[0]!, prefix: drawn[1]! };
}

async function open(stored: Uint8Array): Promise<Uint8Array> {
  return readAll(unseal(inChunks(stored, 700), context, async () => keys, never));
}

function withCheck(stored: Buffer): Buffer {
  headerCheck(stored.subarray(0, headerBytes - 16)).copy(stored, headerBytes - 16);
  return stored;
}

async function messageOf(stored: Uint8Array): Promise<string> {
  const error = await open(stored).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).code).toBe("backup_corrupt");
  return (error as AppError).message;
}

test("a header that was changed and given a new check sum is refused by the wrapped key", async () => {
  const { stored } = await sealWithKnownKey(samplePlain(100));
  expect(await open(withCheck(Buffer.from(stored)))).toEqual(samplePlain(100));
  // Segment size, salt, nonce prefix, wrap nonce, wrapped key and tag; the names are compared with the context.
  for (const at of [13, 16, 31, 40, 46, 65, 76, 77, 108, 109, 124]) {
    const changed = Buffer.from(stored);
    changed[at] = changed[at]! ^ 1;
    expect([at, await messageOf(withCheck(changed))]).toEqual([at, expect.stringContaining("its header was changed")]);
  }
});

test("a part that was renamed in its header is refused", async () => {
  const { stored } = await sealWithKnownKey(samplePlain(100));
  const renamed = Buffer.from(stored);
  renamed.write("databasf", 57);
  expect(await messageOf(withCheck(renamed))).toContain("part database of backup k3v9q2xa was expected");
  const reading = readAll(unseal(inChunks(withCheck(renamed), 700), undefined, async () => keys, never));
  await expect(reading).rejects.toThrow("its header was changed");
});

test("an empty last segment after others is refused even when it is sealed with the right key", async () => {
  const plain = samplePlain(2 ** segmentLog2);
  const { stored, dataKey, prefix } = await sealWithKnownKey(plain);
  const binding = createHash("sha256").update(stored.subarray(0, headerBytes)).digest();
  const sealSegment = (bytes: Uint8Array, index: number, isLast: boolean): Buffer => {
    const cipher = createCipheriv("aes-256-gcm", dataKey, segmentNonce(prefix, index, isLast));
    cipher.setAAD(binding);
    return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  };
  expect(sealSegment(plain, 0, true).equals(stored.subarray(headerBytes))).toBe(true);
  const header = stored.subarray(0, headerBytes);
  const twice = Buffer.concat([header, sealSegment(plain, 0, false), sealSegment(new Uint8Array(0), 1, true)]);
  expect(await messageOf(twice)).toContain("ends with an empty segment");
  // A last mark in the middle, and a missing one at the end, are positions that were never sealed.
  const early = Buffer.concat([header, sealSegment(plain, 0, true), sealSegment(plain, 1, true)]);
  expect(await messageOf(early)).toContain("segment 0 is not what was written there");
  const unfinished = Buffer.concat([header, sealSegment(plain, 0, false)]);
  expect(await messageOf(unfinished)).toContain("segment 0 is not what was written there");
});

test("segments bound to another header are refused", async () => {
  const plain = samplePlain(100);
  const { stored, dataKey, prefix } = await sealWithKnownKey(plain);
  const cipher = createCipheriv("aes-256-gcm", dataKey, segmentNonce(prefix, 0, true));
  const unbound = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  expect(await messageOf(Buffer.concat([stored.subarray(0, headerBytes), unbound]))).toContain("segment 0");
});

test("each way to cut a file has its own message", async () => {
  const { stored } = await sealWithKnownKey(samplePlain(100));
  for (const [length, message] of [
    [0, "ends inside its header"],
    [15, "ends inside its header"],
    [16, "ends inside its header"],
    [headerBytes - 1, "ends inside its header"],
    [headerBytes, "ends before its last segment"],
    [headerBytes + 15, "ends before its last segment"],
    [headerBytes + 16, "segment 0 is not"],
  ] as const) {
    expect([length, await messageOf(stored.subarray(0, length))]).toEqual([length, expect.stringContaining(message)]);
  }
});

test("no key is derived for a header that was damaged or does not belong", async () => {
  const { stored } = await sealWithKnownKey(samplePlain(100));
  const neverAsked = (): Promise<never> => Promise.reject(new Error("a key was asked for"));
  const damaged = Buffer.from(stored);
  damaged[10] = 17;
  for (const [bytes, expected] of [
    [damaged, context],
    [stored, { ...context, part: "globals" }],
    [withCheck(Buffer.from(damaged).fill(255, 10, 11)), context],
  ] as const) {
    const reading = readAll(unseal(inChunks(bytes, 700), expected, neverAsked, never));
    await expect(reading).rejects.toMatchObject({ code: "backup_corrupt" });
  }
});

test("a segment is yielded before the next one is read", async () => {
  const plain = samplePlain(3 * 2 ** segmentLog2);
  const { stored } = await sealWithKnownKey(plain);
  let read = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of inChunks(stored, 100)) {
      read += chunk.length;
      yield chunk;
    }
  }
  for await (const chunk of unseal(counted(), context, async () => keys, never)) {
    expect(Buffer.compare(chunk, plain.subarray(0, 2 ** segmentLog2))).toBe(0);
    break;
  }
  expect(read).toBeLessThan(headerBytes + 2 ** segmentLog2 + 16 + 200);
});
