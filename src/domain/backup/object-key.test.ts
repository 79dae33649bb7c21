import { expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../error.ts";
import { backupTypes } from "./backup.ts";
import {
  formatPartKey,
  formatStem,
  manifestKey,
  newBackupId,
  parseObjectKey,
  pinKey,
  verifiedKey,
} from "./object-key.ts";

const at = Date.UTC(2026, 10, 21, 23, 5, 9);
const parts = { project: "shop", type: "daily", startedAt: at, timeZone: "UTC", backupId: "k3v9q2xa" } as const;
const stem = "shop/2026/11/shop_daily_20261121_230509_k3v9q2xa";

test("a stem holds project, type, time and id", () => {
  expect(formatStem(parts)).toBe(stem);
});

test("the time is that of the time zone, also over midnight and the end of a year", () => {
  expect(formatStem({ ...parts, timeZone: "Europe/Berlin" })).toBe("shop/2026/11/shop_daily_20261122_000509_k3v9q2xa");
  const newYear = { ...parts, startedAt: Date.UTC(2026, 11, 31, 23, 30, 0), timeZone: "Asia/Tokyo" };
  expect(formatStem(newYear)).toBe("shop/2027/01/shop_daily_20270101_083000_k3v9q2xa");
});

test("names that were never validated do not become keys", () => {
  for (const project of ["", "../x", "a/b", ".a", "x".repeat(64), "a\nb"]) {
    expect(() => formatStem({ ...parts, project })).toThrow(AppError);
  }
  for (const backupId of ["", "abc", "ABCD", "a-bcd", "x".repeat(33), "../../x"]) {
    expect(() => formatStem({ ...parts, backupId })).toThrow(AppError);
  }
});

test("the shortest and longest names become keys and are read back", () => {
  for (const [project, backupId] of [
    ["a", "abcd"],
    ["9".repeat(63), "z".repeat(32)],
    ["shop", "0000"],
  ] as const) {
    const made = formatStem({ ...parts, project, backupId });
    expect(parseObjectKey(`${made}.9`)).toMatchObject({ project, backupId, extension: "9" });
    const tooLong = made.replaceAll(project, `${project}x`.padEnd(64, "x"));
    expect(parseObjectKey(`${tooLong}.d`)).toBeUndefined();
    expect(parseObjectKey(`${made.replace(backupId, "z".repeat(33))}.d`)).toBeUndefined();
  }
});

test("extensions are added in order, without the empty ones", () => {
  expect(formatPartKey(stem, "dump", "zst", "enc")).toBe(`${stem}.dump.zst.enc`);
  expect(formatPartKey(stem, "globals.sql", "", "age")).toBe(`${stem}.globals.sql.age`);
  expect(formatPartKey(stem, "sqlite", "", "")).toBe(`${stem}.sqlite`);
});

test("manifest, pin and verification results lie beside the parts", () => {
  expect([manifestKey(stem), pinKey(stem), verifiedKey(stem)]).toEqual([
    `${stem}.manifest.json`,
    `${stem}.pin.json`,
    `${stem}.verified.json`,
  ]);
});

test("each key is recognised for what it is", () => {
  const fields = { stem, project: "shop", type: "daily", stamp: "20261121_230509", backupId: "k3v9q2xa" };
  for (const [kind, extension] of [
    ["manifest", "manifest.json"],
    ["pin", "pin.json"],
    ["verified", "verified.json"],
    ["part", "dump.zst.enc"],
    ["part", "json"],
    ["part", "old.manifest.json"],
  ] as const) {
    expect(parseObjectKey(`${stem}.${extension}`)).toEqual({ ...fields, kind, extension } as never);
  }
});

test("a project whose name looks like a key is read back", () => {
  const project = "a_daily_20200101_000000_zzzz.x";
  const odd = formatStem({ ...parts, project });
  expect(parseObjectKey(`${odd}.dump`)).toMatchObject({ project, backupId: "k3v9q2xa", stem: odd });
});

test("objects of others are no backups", () => {
  for (const key of [
    "",
    stem,
    `${stem}.`,
    `${stem}./x`,
    `${stem}.dump/x`,
    `/${stem}.dump`,
    `x/${stem}.dump`,
    stem.replace("shop/", "other/") + ".dump",
    stem.replace("/2026/", "/2025/") + ".dump",
    stem.replace("/11/", "/12/") + ".dump",
    stem.replace("daily", "yearly") + ".dump",
    stem.replace("k3v9q2xa", "K3V9Q2XA") + ".dump",
    stem.replace("k3v9q2xa", "abc") + ".dump",
    `${stem}.dump\n`,
  ]) {
    expect(parseObjectKey(key)).toBeUndefined();
  }
});

test("every key that is made is read back to what it was made of", () => {
  const project = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
  const random = fc.uint8Array({ minLength: 5, maxLength: 5 });
  const time = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2099, 11, 31) });
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati");
  fc.assert(
    fc.property(
      project,
      fc.constantFrom(...backupTypes),
      time,
      zone,
      random,
      (name, type, startedAt, timeZone, bytes) => {
        const backupId = newBackupId(bytes);
        const made = formatStem({ project: name, type, startedAt, timeZone, backupId });
        expect(parseObjectKey(formatPartKey(made, "dump", "zst"))).toMatchObject({
          stem: made,
          project: name,
          type,
          backupId,
        });
      },
    ),
  );
});

test("an id is eight characters from five random bytes, without letters that look like digits", () => {
  expect(newBackupId(Uint8Array.of(0, 0, 0, 0, 0))).toBe("00000000");
  expect(newBackupId(Uint8Array.of(255, 255, 255, 255, 255, 9, 9))).toBe("zzzzzzzz");
  expect(newBackupId(Uint8Array.of(0, 0, 0, 0, 33))).toBe("00000011");
  expect(newBackupId(Uint8Array.of(0x08, 0, 0, 0, 0))).toBe("10000000");
  const all = Array.from({ length: 32 }, (_, digit) => newBackupId(Uint8Array.of(0, 0, 0, 0, digit)).at(-1));
  expect(all.join("")).toBe("0123456789abcdefghjkmnpqrstvwxyz");
  expect(() => newBackupId(new Uint8Array(4))).toThrow(AppError);
});
