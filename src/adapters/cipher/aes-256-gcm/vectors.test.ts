// The files in docs/reference/vectors against this program; decrypt-backup.mjs has a test of its own on the same files.

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hashBytes, makeVectors, vectorsFolder, type FormatVector } from "../../../../scripts/make-format-vectors.ts";
import { AppError } from "../../../domain/error.ts";
import { inChunks, readAll } from "../../../ports/codec.contract.ts";
import { open } from "./index.ts";

const never = new AbortController().signal;
const context = { tmpDir: "/nonexistent", tools: {}, defaultKey: () => Promise.reject(new Error("not asked for")) };
const files = await readdir(vectorsFolder);
const stored = new Map<string, FormatVector>();
for (const file of files) stored.set(file, (await Bun.file(join(vectorsFolder, file)).json()) as FormatVector);

test("the same key and random bytes give exactly the files in the documentation", async () => {
  const made = await makeVectors();
  expect(Object.fromEntries(made.map((vector) => [`${vector.name}.json`, vector]))).toEqual(Object.fromEntries(stored));
});

test("good files, damaged files and a wrong key are all among them", () => {
  const refusals = new Set([...stored.values()].map(({ refusal }) => refusal));
  expect(refusals).toEqual(new Set([null, "backup_corrupt", "wrong_key"]));
});

for (const [file, vector] of stored) {
  test(`${file}: ${vector.about}: ${vector.refusal ?? "opens"}`, async () => {
    const cipher = await open({ password: vector.secret }, context);
    const reading = readAll(cipher.decrypt(inChunks(Buffer.from(vector.stored, "base64"), 1000), undefined, never));
    if (vector.refusal !== null) {
      await expect(reading).rejects.toMatchObject({ code: vector.refusal });
      return;
    }
    const plain = await reading;
    expect(Buffer.compare(plain, hashBytes("plain", vector.plainBytes))).toBe(0);
    expect(createHash("sha256").update(plain).digest("hex")).toBe(vector.plainSha256);
  });
}

test("a wrong key is named by the id that the file needs", async () => {
  const vector = stored.get("wrong-password.json")!;
  const cipher = await open({ password: vector.secret }, context);
  const bytes = Buffer.from(vector.stored, "base64");
  const error = await readAll(cipher.decrypt(inChunks(bytes, 1000), undefined, never)).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).message).toContain(`needs key ${vector.keyId} (a password)`);
  expect((error as AppError).details["keyId"]).toBe(vector.keyId);
});
