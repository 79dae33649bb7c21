// The local store on a real disk that is full: a tmpfs of a few MiB.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/object-store/local/index.ts";
import { needs } from "../support/requirement.ts";
import { checkObjectStore } from "../../src/ports/object-store.check.ts";

const isRoot = process.getuid?.() === 0;
const testAsRoot = needs("root");
const signal = new AbortController().signal;
const root = mkdtempSync(join(tmpdir(), "backupctl-full-"));

describe("local store on a disk of 6 MiB", () => {
  beforeAll(() => {
    if (isRoot) spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", root]);
  });
  afterAll(() => {
    if (isRoot) spawnSync("umount", [root]);
    rmSync(root, { recursive: true, force: true });
  });

  testAsRoot("a write that does not fit is disk_full, leaves nothing, and what was there stays", async () => {
    expect(spawnSync("findmnt", ["-no", "FSTYPE", root]).stdout.toString().trim()).toBe("tmpfs");
    const store = open({ path: root }, { log() {} });
    await store.create("shop/kept.json", new Uint8Array(1000), { signal });
    async function writeTooMuch(): Promise<void> {
      await using writer = await store.openWriter("shop/big.dump", { signal });
      for (let i = 0; i < 200; i++) await writer.write(new Uint8Array(100_000).fill(i));
      await writer.close();
    }
    await expect(writeTooMuch()).rejects.toMatchObject({ code: "disk_full" });
    expect(readdirSync(join(root, "shop"))).toEqual(["kept.json"]);
    expect(await store.freeBytes(signal)).toBeGreaterThan(5_000_000);

    const tooLarge = store.create("shop/large.json", new Uint8Array(8_000_000), { signal });
    await expect(tooLarge).rejects.toMatchObject({ code: "disk_full" });
    expect(readdirSync(join(root, "shop"))).toEqual(["kept.json"]);
  });

  testAsRoot("a check of a storage that is too small says which promises it cannot keep, and cleans up", async () => {
    const store = open({ path: root }, { log() {} });
    const report = await checkObjectStore(store, { effort: "quick", signal });
    expect(report.passed).toBe(false);
    expect(report.leftovers).toEqual([]);
    const large = report.results.find((result) => result.name.includes("20 MiB"));
    expect(large).toMatchObject({ passed: false });
    expect(large?.detail).toContain("no space is left");
    expect(readdirSync(root).filter((name) => name !== "shop")).toEqual([]);
  });
});
