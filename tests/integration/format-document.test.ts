// The worked example in docs/reference/format.md is the vector it speaks of, and its values in between are right.

import { expect, test } from "bun:test";
import { createHash, hkdfSync, scryptSync } from "node:crypto";
import { join } from "node:path";
import { hashBytes, vectorsFolder, type FormatVector } from "../../scripts/make-format-vectors.ts";

const page = await Bun.file(join(vectorsFolder, "../format.md")).text();
const vector = (await Bun.file(join(vectorsFolder, "short.json")).json()) as FormatVector;
const stored = Buffer.from(vector.stored, "base64");
const hex = (bytes: Uint8Array | ArrayBuffer): string => Buffer.from(bytes as Uint8Array).toString("hex");

test("the hex dump is the file of the vector", () => {
  const dump = /```hex\n([^`]*)```/.exec(page)![1]!;
  const bytes = dump.replaceAll(/^[0-9a-f]{4} /gm, "").replaceAll(/\s/g, "");
  expect(bytes).toBe(hex(stored));
});

test("the values in between are those that a reader gets", () => {
  const master = scryptSync(vector.secret, stored.subarray(16, 32), 32, { N: 1024, r: 8, p: 1 });
  const wrap = hkdfSync("sha256", master, "", "backupctl/1 wrap", 32);
  for (const value of [
    hex(master),
    hex(wrap),
    hex(hashBytes("random 0", 32)),
    hex(createHash("sha256").update(stored.subarray(0, 0x8d)).digest()),
    hex(hashBytes("plain", 16)),
    vector.keyId,
  ]) {
    expect(page).toContain(`\`${value}`);
  }
});

test("the shortened fields begin and end as the file does at their offset", () => {
  const rows = [...page.matchAll(/^\| ([0-9a-f]{2}) \| [^|]+ \| `([0-9a-f]+)(?:…([0-9a-f]*))?` \|$/gm)];
  expect(rows.length).toBeGreaterThan(6);
  const ends: Readonly<Record<string, number>> = { "10": 0x20, "4d": 0x6d, "6d": 0x7d, "7d": 0x8d, f1: stored.length };
  for (const [, offset, begin, end] of rows) {
    const at = Number.parseInt(offset!, 16);
    expect(hex(stored.subarray(at)).startsWith(begin!)).toBe(true);
    if (end) expect([offset, hex(stored.subarray(0, ends[offset!])).endsWith(end)]).toEqual([offset, true]);
  }
});
