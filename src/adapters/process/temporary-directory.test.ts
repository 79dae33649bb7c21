import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentOwner } from "../lock/owner.ts";
import { openTemporaryDirectory } from "./temporary-directory.ts";

async function withRoot(work: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "bk-tmp-"));
  try {
    await work(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test("it is made on first use, for its owner only, and gone after dispose", async () => {
  await withRoot(async (root) => {
    const directory = openTemporaryDirectory(root, currentOwner());
    expect(await readdir(root)).toEqual([]);
    const path = await directory.ensure();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await writeFile(join(path, "secret"), "x");
    await directory[Symbol.asyncDispose]();
    expect(await readdir(root)).toEqual([]);
  });
});

test("what a dead process left is removed, what a live one or a stranger owns stays", async () => {
  await withRoot(async (root) => {
    const dead = openTemporaryDirectory(root, { ...currentOwner(), pid: 4_000_000 });
    await mkdir(dead.path);
    const elsewhere = openTemporaryDirectory(root, { ...currentOwner(), pid: 4_000_000, host: "another/host~" });
    await mkdir(elsewhere.path);
    await mkdir(join(root, "not-ours"));
    const directory = openTemporaryDirectory(root, currentOwner());
    await directory.ensure();
    const left = (await readdir(root)).map((name) => join(root, name)).toSorted();
    expect(left).toEqual([directory.path, elsewhere.path, join(root, "not-ours")].toSorted());
  });
});
