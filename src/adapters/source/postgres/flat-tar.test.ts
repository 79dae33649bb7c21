import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endOfTar, tarEntry, unpackFlatTar } from "./flat-tar.ts";

const never = new AbortController().signal;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "bk-tar-"));
  await mkdir(join(dir, "from"));
  await mkdir(join(dir, "to"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

const sizes = { "1.dat": 0, "2.dat": 1, "3.dat": 512, "blob_4.dat": 700_001, "toc.dat": 513 };

async function pack(): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (const [name, size] of Object.entries(sizes)) {
    await writeFile(join(dir, "from", name), Buffer.alloc(size, name));
    for await (const chunk of tarEntry(join(dir, "from"), name, 1_700_000_000_000)) chunks.push(chunk);
  }
  return Buffer.concat([...chunks, endOfTar]);
}

async function* streamOf(bytes: Uint8Array, step = 1_000) {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

test("files come back as they were", async () => {
  await unpackFlatTar(streamOf(await pack()), join(dir, "to"), never);
  expect((await readdir(join(dir, "to"))).toSorted()).toEqual(Object.keys(sizes).toSorted());
  for (const [name, size] of Object.entries(sizes)) {
    expect((await readFile(join(dir, "to", name))).equals(Buffer.alloc(size, name))).toBe(true);
  }
});

test("the system's tar reads it", async () => {
  await writeFile(join(dir, "x.tar"), await pack());
  const listing = await Bun.$`tar -tvf ${join(dir, "x.tar")}`.text();
  expect(listing).toContain(" 700001 ");
  expect(listing.trim().split("\n")).toHaveLength(5);
});

test("a tar that was cut anywhere is refused", async () => {
  const whole = await pack();
  for (const kept of [0, 100, 512, 1_500, 300_000, whole.length - 1_024, whole.length - 512, whole.length - 1]) {
    await rm(join(dir, "to"), { recursive: true });
    await mkdir(join(dir, "to"));
    const unpacking = unpackFlatTar(streamOf(whole.subarray(0, kept)), join(dir, "to"), never);
    await expect(unpacking).rejects.toMatchObject({ code: "backup_corrupt" });
  }
});

test("an error of the stream is passed on, and an abort is its reason", async () => {
  const whole = await pack();
  const cause = new Error("segment 3");
  async function* broken() {
    yield whole.subarray(0, 5_000);
    throw Object.assign(cause, { code: "EIO" });
  }
  await expect(unpackFlatTar(broken(), join(dir, "to"), never)).rejects.toThrow("segment 3");
  const reason = new Error("stopped");
  await expect(unpackFlatTar(streamOf(whole), join(dir, "to"), AbortSignal.abort(reason))).rejects.toBe(reason);
});
