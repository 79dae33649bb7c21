import { expect, test } from "bun:test";
import { AppError } from "../error.ts";
import type { Manifest } from "./manifest.ts";
import { formatManifest, maxManifestBytes, parseManifest } from "./parse-manifest.ts";
import { manifest, stem } from "../../../tests/support/sample-manifest.ts";

type Json = Record<string, unknown>;

/** The manifest with one field, named by its path, set to a value; undefined removes it. */
function withField(path: string, value: unknown): string {
  const copy = JSON.parse(formatManifest(manifest)) as Json;
  const steps = path.split(/[.[\]]+/).filter((step) => step !== "");
  const last = steps.pop()!;
  const owner = steps.reduce<Json>((object, step) => object[step] as Json, copy);
  if (value === undefined) delete owner[last];
  else owner[last] = value;
  return JSON.stringify(copy);
}

function errorOf(json: string): AppError {
  try {
    parseManifest(json);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  }
  throw new Error(`accepted: ${json.slice(0, 200)}`);
}

test("a manifest is read back as it was written, and gives the same text again", () => {
  const text = formatManifest(manifest);
  expect(parseManifest(text)).toEqual(manifest);
  expect(formatManifest(parseManifest(text))).toBe(text);
  expect(text.endsWith("}\n")).toBe(true);
});

test("the text does not depend on the order in which fields were set", () => {
  const { facts } = manifest.sources[0]!;
  const reversed = Object.fromEntries(Object.entries(facts).toReversed());
  const shuffled = Object.fromEntries(Object.entries(manifest).toReversed()) as unknown as Manifest;
  const sources = [{ ...manifest.sources[0]!, facts: reversed }];
  expect(formatManifest({ ...shuffled, sources })).toBe(formatManifest(manifest));
});

test("a manifest without a seal and one with a seal are both read", () => {
  expect(parseManifest(withField("mac", undefined)).mac).toBeNull();
  const mac = { scheme: "hmac-sha256", keyId: "e9f80f9f0c26d95a", value: "raw.x.y" };
  expect(parseManifest(withField("mac", mac)).mac).toEqual(mac);
  expect(errorOf(withField("mac", { scheme: "hmac-sha256" })).details["path"]).toBe("mac.keyId");
});

test("fields of newer programs are left out", () => {
  for (const path of ["extra", "host.extra", "parts[0].extra", "sources[0].extra"]) {
    expect(parseManifest(withField(path, { any: 1 }))).toEqual(manifest);
  }
});

test("every field is needed, and its absence is reported by its path", () => {
  const paths = (value: unknown, path: string): string[] => {
    if (Array.isArray(value)) return value.flatMap((item, index) => paths(item, `${path}[${index}]`));
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([name, item]) => {
      const own = path === "" ? name : `${path}.${name}`;
      return [own, ...paths(item, own)];
    });
  };
  const needed = paths(manifest, "").filter((path) => path !== "mac" && !path.includes(".facts."));
  expect(needed.length).toBeGreaterThan(50);
  for (const path of needed) {
    const error = errorOf(withField(path, undefined));
    expect([error.code, error.details["path"]]).toEqual(["manifest_invalid", path]);
    expect(error.message).toContain(path);
  }
});

test("every field refuses what it cannot be", () => {
  const bad: Readonly<Record<string, readonly unknown[]>> = {
    format: ["other", 1],
    formatVersion: [0, "1", null],
    backupId: ["", "a/b", "../x", 5, "x".repeat(129)],
    runId: ["", "a b"],
    project: ["", "a/b", "..", ".x", "x".repeat(64)],
    type: ["yearly", "", null],
    schedule: ["nightly", {}, []],
    "schedule.ownRetention": [0, "true", null],
    stem: ["", "/a", "a//b", "a/../b", "a/./b", "a/", "a\\b", "ä", "-a", "x".repeat(901)],
    timeZone: [null, 1, "x".repeat(65_537)],
    startedAt: ["2026-11-21", "2026-11-21T01:15:00", "2026-11-21T01:15:00+01:00", 5, "x2026-11-21T01:15:00Z"],
    finishedAt: ["2026-11-21T01:15:00Zx"],
    "host.name": [null],
    "program.name": ["other"],
    sources: [{}, "x", null, Array.from({ length: 1001 }, () => manifest.sources[0])],
    "sources[0].name": ["a b"],
    "sources[0].serverVersion": [17],
    "sources[0].consistencyPoint": ["now"],
    "sources[0].consistencyPoint.at": ["yesterday"],
    "sources[0].rowCounts.method": ["guess"],
    "sources[0].rowCounts.tables[0].rows": [-1, 1.5, "12", 2 ** 53, null],
    "sources[0].warnings": ["one", [1], {}],
    "sources[0].facts": [[], null, "x"],
    "sources[0].facts.size": [null, {}, [1]],
    parts: [[], {}, null],
    "parts[0].name": [""],
    "parts[0].source": ["other"],
    "parts[0].key": [`${stem}`, `${stem}x.dump`, "other/2026/11/other_daily_20261121_021500_k3v9q2xa.dump"],
    "parts[0].plainBytes": [-1, 0.5, "1", 1e300],
    "parts[0].plainSha256": ["A".repeat(64), "a".repeat(63), "a".repeat(65), "g".repeat(64)],
    "parts[0].storedSha256": ["", null],
    "parts[0].compression.algorithm": ["lzma", null],
    "parts[0].compression.level": [23, -1, 1.5],
    "parts[0].encryption": ["aes", []],
    "parts[0].encryption.keyId": [null],
    warnings: [null, [null]],
  };
  for (const [path, values] of Object.entries(bad)) {
    for (const value of values) {
      const error = errorOf(withField(path, value));
      expect([path, value, error.code]).toEqual([path, value, "manifest_invalid"]);
      expect(String(error.details["path"]).startsWith(path)).toBe(true);
    }
  }
});

test("the limits of every field are still within", () => {
  const good: Readonly<Record<string, readonly unknown[]>> = {
    backupId: ["0", "x".repeat(128), "a.b-c_d"],
    project: ["9", "x".repeat(63)],
    type: ["hourly", "safety"],
    timeZone: ["", "x".repeat(65_536)],
    startedAt: ["2026-11-21T01:15:00Z", "2026-11-21T01:15:00.1Z", "2026-11-21T01:15:00.123456789Z"],
    schedule: [null, { name: "", ownRetention: true }],
    "sources[0].consistencyPoint": [null],
    "sources[0].rowCounts": [null, { method: "copy", tables: [] }],
    "sources[0].rowCounts.tables[0].rows": [0, Number.MAX_SAFE_INTEGER],
    "sources[0].facts.size": [0, -1.5, "", true, [], ["a"]],
    "parts[0].plainBytes": [0, Number.MAX_SAFE_INTEGER],
    "parts[0].key": [`${stem}.d`, stem + ".x".padEnd(900 - stem.length, "x")],
    "parts[0].compression.level": [0, 22],
    "parts[0].encryption": [null],
    warnings: [[], ["", "x"]],
  };
  for (const [path, values] of Object.entries(good)) {
    for (const value of values) {
      const text = withField(path, value);
      expect(formatManifest(parseManifest(text))).toBe(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    }
  }
});

test("lists may be as long as they may be, and no longer", () => {
  const sources = (count: number): unknown[] => [
    manifest.sources[0],
    ...Array.from({ length: count - 1 }, (_, at) => ({ ...manifest.sources[0], name: `s${at}` })),
  ];
  expect(parseManifest(withField("sources", sources(1000))).sources).toHaveLength(1000);
  expect(errorOf(withField("sources", sources(1001))).message).toContain("a list of at most 1000");
});

test("parts and sources have names and keys of their own", () => {
  const [part] = manifest.parts;
  const [source] = manifest.sources;
  expect(errorOf(withField("sources", [source, source])).message).toContain("different names");
  expect(errorOf(withField("parts", [part, part])).message).toContain("different names");
  expect(errorOf(withField("parts", [part, { ...part, name: "other" }])).message).toContain("different keys");
  const second = { ...part, name: "globals", key: `${stem}.globals.sql.zst.enc` };
  expect(parseManifest(withField("parts", [part, second])).parts.map(({ name }) => name)).toEqual([
    "database",
    "globals",
  ]);
});

test("a newer format version is named, not half read", () => {
  const error = errorOf(withField("formatVersion", 2));
  expect(error.message).toContain("format version 2");
  expect(error.hint).toContain("newer version of backupctl");
});

test("a field that only a prototype has is missing", () => {
  const text = formatManifest(manifest).replace('"backupId"', '"__proto__": {"backupId": "k3v9q2xa"}, "other"');
  expect(errorOf(text).details["path"]).toBe("backupId");
  const facts = JSON.parse('{"__proto__": "x", "a": "b"}') as Json;
  const parsed = parseManifest(withField("sources[0].facts", facts)).sources[0]!.facts;
  expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
});

test("text that is no manifest is refused", () => {
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    "1",
    '"x"',
    `${formatManifest(manifest)}x`,
    formatManifest(manifest).slice(0, -3),
  ]) {
    expect(errorOf(text).code).toBe("manifest_invalid");
  }
});

test("a text that is too long is refused before it is read", () => {
  expect(errorOf(" ".repeat(maxManifestBytes + 1)).message).toContain("longer than");
  expect(errorOf(" ".repeat(maxManifestBytes)).message).toContain("not complete JSON");
});

test("what would not be read back is not written", () => {
  expect(() => formatManifest({ ...manifest, parts: [] })).toThrow("at least one part");
  expect(() => formatManifest({ ...manifest, project: "a/b" })).toThrow("project");
});
