// Restores of files: over what is there, across mounts, onto full disks, and of archives that do not fit.

import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expectCode, restoreParts, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { makeFilesBench, restoreFiles } from "../support/files-bench.ts";
import { needs } from "../support/requirement.ts";
import { fullRestore } from "../../src/ports/source.ts";

const never = new AbortController().signal;
const isRoot = process.geteuid?.() === 0;
const testWithMount = needs(...(isRoot ? ["mount", "umount"] : ["root"]));

test("the original paths are refused while they hold something, then replaced, and a path that was missing stays", async () => {
  await using bench = makeFilesBench();
  const other = join(bench.root, "other");
  writeFileSync(join(bench.tree, "a"), "a");
  const source = bench.source({ paths: [bench.tree, other] });
  const taken = await takeDump(source);
  mkdirSync(other);
  writeFileSync(join(other, "new"), "made after the backup");
  writeFileSync(join(bench.tree, "b"), "b");
  await expectCode(restoreFiles(source, "original", "create", taken), "target_not_empty");
  await restoreFiles(source, "original", "drop", taken);
  expect(readdirSync(bench.tree)).toEqual(["a"]);
  expect(readFileSync(join(other, "new"), "utf8")).toBe("made after the backup");
  rmSync(bench.tree, { recursive: true });
  rmSync(other, { recursive: true });
  await restoreFiles(source, "original", "create", taken);
  expect(readdirSync(bench.tree)).toEqual(["a"]);
  expect(readdirSync(bench.root).toSorted()).toEqual(["tmp", "tree"]);
});

test("when one path cannot be swapped in, those before it get their old content back", async () => {
  await using bench = makeFilesBench();
  const first = join(bench.root, "first");
  const second = join(bench.root, "deep/second");
  for (const path of [first, second]) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "file"), "backed up");
  }
  const source = bench.source({ paths: [first, second] });
  const taken = await takeDump(source);
  for (const path of [first, second]) writeFileSync(join(path, "file"), "newer");
  {
    await using target = await source.openTarget({
      database: "original",
      mode: "drop",
      stopConnections: false,
      signal: never,
    });
    for (const part of restoreParts(taken)) await target.restore(part, fullRestore, never);
    renameSync(join(bench.root, "deep"), join(bench.root, "moved away"));
    await expectCode(target.commit(), "restore_failed");
  }
  expect(readFileSync(join(first, "file"), "utf8")).toBe("newer");
  expect(readFileSync(join(bench.root, "moved away/second/file"), "utf8")).toBe("newer");
  expect(readdirSync(bench.root).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a path that fills up during a restore is not replaced in mode create", async () => {
  await using bench = makeFilesBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place");
  await using target = await bench.source().openTarget({
    database: place,
    mode: "create",
    stopConnections: false,
    signal: never,
  });
  for (const part of restoreParts(taken)) await target.restore(part, fullRestore, never);
  mkdirSync(join(place, bench.tree), { recursive: true });
  writeFileSync(join(place, bench.tree, "precious"), "x");
  await expectCode(target.commit(), "target_not_empty");
  await target[Symbol.asyncDispose]();
  expect(readdirSync(join(place, bench.tree))).toEqual(["precious"]);
});

test("a directory with other things in it takes the files beside them", async () => {
  await using bench = makeFilesBench();
  const second = join(bench.root, "second");
  mkdirSync(second);
  for (const path of [bench.tree, second]) writeFileSync(join(path, "a"), "a");
  const place = join(bench.root, "place");
  mkdirSync(place);
  writeFileSync(join(place, "shop.dump"), "a dump");
  const source = bench.source({ paths: [bench.tree, second] });
  const taken = await takeDump(source);
  await restoreFiles(source, place, "create", taken);
  expect(readFileSync(join(place, "shop.dump"), "utf8")).toBe("a dump");
  expect(readFileSync(join(place, second, "a"), "utf8")).toBe("a");
  await expectCode(restoreFiles(source, place, "create", taken), "target_not_empty");
  const other = join(bench.root, "absent/inner");
  {
    await using target = await source.openTarget({
      database: other,
      mode: "create",
      stopConnections: false,
      signal: never,
    });
    for (const part of restoreParts(taken)) await target.restore(part, fullRestore, never);
  }
  expect(existsSync(join(bench.root, "absent"))).toBe(false);
});

test("an archive that nothing is known of needs a directory to itself", async () => {
  await using bench = makeFilesBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const taken = await takeDump(bench.source());
  const unknown = { ...taken, summary: { ...taken.summary, facts: {} } };
  const source = bench.source({ paths: [] });
  await expectCode(restoreFiles(source, bench.tree, "create", unknown), "target_not_empty");
  await expectCode(restoreFiles(source, "original", "create", unknown), "unsupported");
  await expectCode(restoreFiles(source, bench.tree, "drop", unknown), "unsupported");
  const place = join(bench.root, "place");
  await restoreFiles(source, place, "create", unknown);
  expect(readFileSync(join(place, bench.tree, "a"), "utf8")).toBe("a");
});

testWithMount("a mount point keeps being one: its content is exchanged", async () => {
  await using bench = makeFilesBench();
  bench.mount(bench.tree, "-t", "tmpfs", "-o", "size=4m", "tmpfs");
  mkdirSync(join(bench.tree, "sub"));
  writeFileSync(join(bench.tree, "sub/a"), "a");
  const device = lstatSync(bench.tree).dev;
  const taken = await takeDump(bench.source());
  writeFileSync(join(bench.tree, "sub/a"), "newer");
  writeFileSync(join(bench.tree, "b"), "newer");
  const { mode } = lstatSync(bench.tree);
  execFileSync("chmod", ["700", bench.tree]);
  await restoreFiles(bench.source(), "original", "drop", taken);
  expect(readdirSync(bench.tree)).toEqual(["sub"]);
  expect(readFileSync(join(bench.tree, "sub/a"), "utf8")).toBe("a");
  expect(lstatSync(bench.tree).dev).toBe(device);
  expect(lstatSync(bench.tree).mode).toBe(mode);
});

testWithMount("a full disk during a restore is named and leaves the place as it was", async () => {
  await using bench = makeFilesBench();
  writeFileSync(join(bench.tree, "large"), Buffer.alloc(3_000_000, 1));
  const taken = await takeDump(bench.source());
  const small = join(bench.root, "small");
  mkdirSync(small);
  bench.mount(small, "-t", "tmpfs", "-o", "size=1m", "tmpfs");
  const place = join(small, "place");
  await expectCode(restoreFiles(bench.source(), place, "create", taken), "disk_full");
  // Without the manifest's facts the disk really fills up.
  const unknown = { ...taken, summary: { ...taken.summary, facts: {} } };
  await expectCode(restoreFiles(bench.source(), place, "create", unknown), "disk_full");
  expect(readdirSync(small)).toEqual([]);
});

test("a shorter archive with a proper end does not pass for the whole one", async () => {
  await using bench = makeFilesBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const short = await takeDump(bench.source());
  writeFileSync(join(bench.tree, "b"), "b");
  const { facts } = (await takeDump(bench.source())).summary;
  const part = { format: "files.tar", facts, stream: streamOf(short.parts[0]!.bytes) };
  await expectCode(bench.source().verifyStructure(part, never), "backup_corrupt");
});

test("a part for other paths is refused before anything is put in place", async () => {
  await using bench = makeFilesBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const taken = await takeDump(bench.source());
  const elsewhere = join(bench.root, "elsewhere");
  mkdirSync(elsewhere);
  const forged = { ...taken, summary: { ...taken.summary, facts: { ...taken.summary.facts, paths: [elsewhere] } } };
  await expectCode(restoreFiles(bench.source(), "original", "drop", forged), "restore_failed");
  expect(existsSync(elsewhere)).toBe(true);
  expect(readFileSync(join(bench.tree, "a"), "utf8")).toBe("a");
});
