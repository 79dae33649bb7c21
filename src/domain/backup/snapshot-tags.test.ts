import { expect, test } from "bun:test";
import fc from "fast-check";
import { findManifestPath, formatStagedStem, parseStagedKey } from "./staged-key.ts";
import { parseObjectKey } from "./object-key.ts";
import { isVerificationTag, parseSnapshotTags, snapshotTags, verificationTag } from "./snapshot-tags.ts";

const labels = { project: "shop", backupId: "k3f9x2ab", type: "daily", schedule: null } as const;

test("tags are those of the product, and tell again what they were made of", () => {
  expect(snapshotTags({ kind: "combined" }, labels)).toEqual([
    "backupctl:combined",
    "project:shop",
    "backup:k3f9x2ab",
    "type:daily",
  ]);
  expect(snapshotTags({ kind: "assets", path: "/data/a,b 100%" }, labels)[0]).toBe(
    "backupctl:assets:/data/a%2Cb 100%25",
  );
});

test("no path and no schedule can break a tag", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ minLength: 1 }), (path, schedule) => {
      const tags = snapshotTags({ kind: "assets", path }, { ...labels, schedule });
      for (const tag of tags) expect([tag.includes(","), tag.includes("\n")]).toEqual([false, false]);
      expect(parseSnapshotTags(tags)).toMatchObject({
        content: { kind: "assets", path },
        project: "shop",
        backupId: "k3f9x2ab",
        type: "daily",
        schedule,
      });
    }),
  );
});

test("the newest verification counts, and words of others mean nothing", () => {
  const passed = verificationTag({ level: "structure", passed: true, at: 5 });
  const failed = verificationTag({ level: "restore", passed: false, at: 9 });
  expect([passed, failed]).toEqual(["verified:structure:5", "failed:restore:9"]);
  expect(parseSnapshotTags([passed, failed, "pinned"])).toMatchObject({
    pinned: true,
    verification: { level: "restore", passed: false, at: 9 },
  });
  for (const tag of ["verified:", "verified:x:1", "verified:restore:", "verified:restore:1x"])
    expect(isVerificationTag(tag)).toBe(false);
  expect(parseSnapshotTags(["mine", "type:odd"])).toEqual({
    content: null,
    project: null,
    backupId: null,
    type: null,
    schedule: null,
    pinned: false,
    verification: null,
  });
});

test("a staged name is found again, and no storage takes it for its own", () => {
  const stem = formatStagedStem({ ...labels, startedAt: Date.UTC(2026, 10, 21, 5, 30), timeZone: "UTC" });
  expect(stem).toBe("shop/shop_daily_20261121_053000_k3f9x2ab");
  for (const extension of ["dump", "manifest.json", "dump.zst.enc"]) {
    expect(parseStagedKey(`${stem}.${extension}`)).toMatchObject({
      stem,
      project: "shop",
      backupId: "k3f9x2ab",
      extension,
    });
    expect(parseObjectKey(`${stem}.${extension}`)).toBeUndefined();
  }
  for (const other of [
    "shop/notes.txt",
    "shop/other_daily_20261121_053000_k3f9x2ab.dump",
    `${stem}`,
    `2026/${stem}.dump`,
  ])
    expect(parseStagedKey(other)).toBeUndefined();
  expect(findManifestPath(["/data/up", `/elsewhere/${stem}.manifest.json`], "shop")).toEqual({
    stem,
    backupId: "k3f9x2ab",
    directory: "/elsewhere/shop",
  });
  expect(findManifestPath([`/elsewhere/${stem}.manifest.json`], "other")).toBeUndefined();
});

test("a path that somebody else wrote with broken escapes is taken as it stands", () => {
  expect(parseSnapshotTags(["backupctl:assets:/data/%E0%A4"])).toMatchObject({
    content: { kind: "assets", path: "/data/%E0%A4" },
  });
  expect(parseSnapshotTags(["backupctl:assets:/data/50%"])).toMatchObject({
    content: { kind: "assets", path: "/data/50%" },
  });
});
