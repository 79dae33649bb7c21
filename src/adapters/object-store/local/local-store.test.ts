import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import * as realFs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeObjectStoreContract } from "../../../ports/object-store.contract.ts";
import type { ObjectStore } from "../../../ports/object-store.ts";
import type { FileSystem } from "./file-system.ts";
import { open, openLocalStore } from "./index.ts";

const signal = new AbortController().signal;
const scratch = mkdtempSync(join(tmpdir(), "backupctl-local-"));
const context = { log(): void {} };
let serial = 0;
const newRoot = (): string => join(scratch, `root-${++serial}`);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describeObjectStoreContract("local", async () => {
  const root = newRoot();
  await realFs.mkdir(root);
  return { store: open({ path: root }, context), async [Symbol.asyncDispose]() {} };
});

async function keysOf(store: ObjectStore, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, signal)) keys.push(key);
  return keys.sort();
}

async function write(store: ObjectStore, key: string, bytes = new Uint8Array(10)): Promise<void> {
  await using writer = await store.openWriter(key, { signal });
  await writer.write(bytes);
  await writer.close();
}

function failing(errno: string): Error {
  return Object.assign(new Error(errno), { code: errno });
}

/** The real disk, with a record of calls and with some of them failing. */
function spiedFs(strike: (call: string, path: string) => string | undefined = () => undefined) {
  const calls: string[] = [];
  const record = (call: string, path: string): void => {
    calls.push(`${call} ${path}`);
    const errno = strike(call, path);
    if (errno !== undefined) throw failing(errno);
  };
  const fs: FileSystem = {
    ...realFs,
    open: async (path, ...more) => {
      record("open", String(path));
      const handle = await realFs.open(path, ...more);
      for (const name of ["sync", "datasync", "write", "stat"] as const) {
        const original = handle[name].bind(handle) as (...args: unknown[]) => Promise<never>;
        handle[name] = (async (...args: unknown[]) => {
          record(name, String(path));
          return original(...args);
        }) as never;
      }
      return handle;
    },
    link: async (from, to) => {
      record("link", String(to));
      return realFs.link(from, to);
    },
    rename: async (from, to) => {
      record("rename", String(to));
      return realFs.rename(from, to);
    },
    unlink: async (path) => {
      record("unlink", String(path));
      return realFs.unlink(path);
    },
  };
  return { fs, calls };
}

describe("local store", () => {
  test("makes its directory at the first write, 0700, with files of 0600", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    expect(await store.freeBytes(signal)).toBeGreaterThan(0);
    await write(store, "shop/2026/a.dump");
    for (const folder of ["", "shop", "shop/2026"]) {
      expect((await realFs.stat(join(root, folder))).mode & 0o777).toBe(0o700);
    }
    expect((await realFs.stat(join(root, "shop/2026/a.dump"))).mode & 0o777).toBe(0o600);
  });

  test("a directory that is missing is an unmounted disk, not an empty storage", async () => {
    const store = open({ path: newRoot() }, context);
    const unreachable = { code: "storage_unreachable" };
    await expect(keysOf(store)).rejects.toMatchObject(unreachable);
    await expect(store.find("a", signal)).rejects.toMatchObject(unreachable);
    await expect(store.delete("a", signal)).rejects.toMatchObject(unreachable);
    await expect(Array.fromAsync(store.read("a", { signal }))).rejects.toMatchObject(unreachable);
    expect(await store.listDebris(signal)).toEqual([]);
  });

  test("the probe makes the directory and leaves it empty", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    await store.probe(signal);
    expect(await realFs.readdir(root)).toEqual([]);
  });

  test("lists no temporary file, no lock and nothing of the program's own folders", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    await write(store, "shop/a.dump");
    for (const folder of [".backupctl", ".logs", ".tmp", ".fallback-audit", "shop/.hidden"]) {
      await realFs.mkdir(join(root, folder), { recursive: true });
      await realFs.writeFile(join(root, folder, "state.db"), "x");
      await realFs.writeFile(join(root, folder, ".b.0123456789ab.part"), "x");
    }
    await realFs.writeFile(join(root, ".lock"), "x");
    await realFs.writeFile(join(root, "shop", ".lock"), "x");
    await realFs.writeFile(join(root, "shop", ".b.dump.0123456789ab.part"), "x");
    expect(await keysOf(store)).toEqual(["shop/a.dump"]);
    expect((await store.listDebris(signal)).map((debris) => debris.key)).toEqual(["shop/b.dump"]);
  });

  test("what is no temporary file of ours is not removed as debris", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    await write(store, "a.dump");
    await realFs.writeFile(join(scratch, ".x.0123456789ab.part"), "x");
    for (const id of ["a.dump", "../.x.0123456789ab.part", ".tmp/.x.0123456789ab.part", ""]) {
      const debris = { id, key: "a", sizeBytes: 1, startedAt: 0 };
      await expect(store.deleteDebris(debris, signal)).rejects.toMatchObject({ code: "usage" });
    }
    expect(await keysOf(store)).toEqual(["a.dump"]);
  });

  test("deleting the last object removes the empty directories above it, but never the root", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    await write(store, "shop/2026/a.dump");
    await store.delete("shop/2026/a.dump", signal);
    expect(await realFs.readdir(root)).toEqual([]);
  });

  test("writers go on while others remove directories under their feet", async () => {
    const store = open({ path: newRoot() }, context);
    const work = Array.from({ length: 40 }, async (_, i) => {
      await write(store, `same/place/${i}.dump`);
      await store.delete(`same/place/${i}.dump`, signal);
    });
    await Promise.all(work);
    expect(await keysOf(store)).toEqual([]);
  });

  test("linked directories are listed as they are read, and a loop of links ends", async () => {
    const root = newRoot();
    const elsewhere = newRoot();
    const store = open({ path: root }, context);
    await write(store, "shop/a.dump");
    await realFs.mkdir(elsewhere);
    await realFs.symlink(elsewhere, join(root, "big"));
    await realFs.symlink(root, join(root, "shop", "loop"));
    await realFs.symlink("/nonexistent", join(root, "shop", "dangling"));
    await write(store, "big/b.dump");
    expect(await keysOf(store)).toEqual(["big/b.dump", "shop/a.dump"]);
    await expect(store.find("shop/dangling", signal)).resolves.toBeUndefined();
  });

  test("the root itself may be a link", async () => {
    const root = newRoot();
    await realFs.mkdir(root);
    await realFs.symlink(root, `${root}-link`);
    const store = open({ path: `${root}-link` }, context);
    await write(store, "shop/a.dump");
    expect(await keysOf(store, "shop/")).toEqual(["shop/a.dump"]);
  });
});

describe("local store on a failing disk", () => {
  test("the file is synced before it is renamed, and its directories after", async () => {
    const root = newRoot();
    const { fs, calls } = spiedFs();
    await write(openLocalStore({ path: root }, context, fs), "shop/a.dump");
    const order = calls.filter((call) => /^(sync|rename|link)/.test(call)).map((call) => call.replace(root, "ROOT"));
    expect(order).toHaveLength(5);
    expect(order.slice(0, 2)).toEqual([`sync ${scratch}`, "sync ROOT"]);
    expect(order[2]).toMatch(/^sync ROOT\/shop\/\.a\.dump\.[0-9a-f]{12}\.part$/);
    expect(order.slice(3)).toEqual(["rename ROOT/shop/a.dump", "sync ROOT/shop"]);
  });

  const strikes: [string, string, (call: string, path: string) => string | undefined, string][] = [
    ["the disk is full while writing", "disk_full", (call) => (call === "write" ? "ENOSPC" : undefined), "write"],
    ["the quota is used up", "disk_full", (call) => (call === "write" ? "EDQUOT" : undefined), "write"],
    [
      "the sync of the file fails",
      "storage_failed",
      (c, p) => (c === "sync" && p.endsWith(".part") ? "EIO" : undefined),
      "s",
    ],
    [
      "the sync finds the disk full",
      "disk_full",
      (c, p) => (c === "sync" && p.endsWith(".part") ? "ENOSPC" : undefined),
      "s",
    ],
    ["the rename fails", "storage_failed", (call) => (call === "rename" ? "EIO" : undefined), "rename"],
    [
      "the sync of the directory fails",
      "storage_failed",
      (c, p) => (c === "sync" && p.endsWith("shop") ? "EIO" : undefined),
      "d",
    ],
    [
      "the disk is read-only",
      "storage_failed",
      (c, p) => (c === "open" && p.endsWith(".part") ? "EROFS" : undefined),
      "open",
    ],
    [
      "nobody may write there",
      "storage_auth_failed",
      (c, p) => (c === "open" && p.endsWith(".part") ? "EACCES" : undefined),
      "",
    ],
    ["the network disk is stale", "storage_unreachable", (call) => (call === "write" ? "ESTALE" : undefined), "write"],
  ];
  for (const [name, code, strike] of strikes) {
    test(`when ${name}, the error is ${code} and nothing is left`, async () => {
      const root = newRoot();
      await realFs.mkdir(join(root, "shop"), { recursive: true });
      await realFs.writeFile(join(root, "shop", "old.dump"), "kept");
      const store = openLocalStore({ path: root }, context, spiedFs(strike).fs);
      await expect(write(store, "shop/a.dump", new Uint8Array(5_000_000))).rejects.toMatchObject({ code });
      expect(await realFs.readdir(join(root, "shop"))).toEqual(["old.dump"]);
    });
  }

  test("a write-back error that the system reports once is not lost", async () => {
    let struck = 0;
    const { fs } = spiedFs((call) => (call === "datasync" && struck++ === 0 ? "EIO" : undefined));
    const root = newRoot();
    const store = openLocalStore({ path: root }, context, fs);
    const chunk = new Uint8Array(1024 * 1024);
    async function writeMuch(): Promise<void> {
      await using writer = await store.openWriter("a.dump", { signal });
      for (let i = 0; i < 80; i++) await writer.write(chunk);
      await writer.close();
    }
    await expect(writeMuch()).rejects.toMatchObject({ code: "storage_failed" });
    expect(struck).toBe(1);
    expect(await realFs.readdir(root)).toEqual([]);
  });

  test("a file that grows behind our back is noticed at close", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    await using writer = await store.openWriter("a.dump", { signal });
    await writer.write(new Uint8Array(3_000_000));
    const [name] = await realFs.readdir(root);
    const close = (async () => {
      // Far beyond what the writer may still have to write: it must not be able to cover it up.
      await realFs.truncate(join(root, name!), 5_000_000);
      return writer.close();
    })();
    await expect(close).rejects.toMatchObject({ code: "storage_failed" });
    expect(await realFs.readdir(root)).toEqual([]);
  });

  test("a file that shrinks while it is read is an error, not an end", async () => {
    const root = newRoot();
    const store = open({ path: root }, context);
    await write(store, "a.dump", new Uint8Array(1_000_000));
    async function readAndCut(): Promise<void> {
      for await (const _ of store.read("a.dump", { signal })) await realFs.truncate(join(root, "a.dump"), 300_000);
    }
    await expect(readAndCut()).rejects.toMatchObject({ code: "storage_failed" });
  });

  test("without hard links it looks first, and says that it cannot refuse by itself", async () => {
    const root = newRoot();
    const store = openLocalStore(
      { path: root },
      context,
      spiedFs((call) => (call === "link" ? "EPERM" : undefined)).fs,
    );
    expect(store.capabilities.conditionalCreate).toBe(true);
    await store.create("a.json", new Uint8Array(5), { signal });
    expect(store.capabilities.conditionalCreate).toBe(false);
    await expect(store.create("a.json", new Uint8Array(6), { signal })).rejects.toMatchObject({
      code: "object_exists",
    });
    expect((await store.find("a.json", signal))?.sizeBytes).toBe(5);
    expect(await realFs.readdir(root)).toEqual(["a.json"]);
  });

  test.each(["open", "write", "sync", "rename"])(
    "a replacement whose %s fails leaves the old object, and nothing else",
    async (call) => {
      const root = newRoot();
      await open({ path: root }, context).replace("pin.json", new Uint8Array(5), { signal });
      const { fs } = spiedFs((made, path) => (made === call && path !== root ? "ENOSPC" : undefined));
      const store = openLocalStore({ path: root }, context, fs);
      await expect(store.replace("pin.json", new Uint8Array(6), { signal })).rejects.toMatchObject({
        code: "disk_full",
      });
      expect((await realFs.stat(join(root, "pin.json"))).size).toBe(5);
      expect(await realFs.readdir(root)).toEqual(["pin.json"]);
    },
  );

  test("a replacement that may not outlive a power cut is an error, but leaves one of the two", async () => {
    const root = newRoot();
    await open({ path: root }, context).replace("pin.json", new Uint8Array(5), { signal });
    const { fs } = spiedFs((call, path) => (call === "sync" && path === root ? "EIO" : undefined));
    const store = openLocalStore({ path: root }, context, fs);
    await expect(store.replace("pin.json", new Uint8Array(6), { signal })).rejects.toMatchObject({
      code: "storage_failed",
    });
    expect((await realFs.stat(join(root, "pin.json"))).size).toBe(6);
  });

  test("a directory that cannot be read makes the listing fail, not shorter", async () => {
    const root = newRoot();
    const { fs } = spiedFs();
    const store = openLocalStore({ path: root }, context, {
      ...fs,
      readdir: (async (path: string, options: never) => {
        if (String(path).endsWith("shop/")) throw failing("EACCES");
        return realFs.readdir(path, options);
      }) as never,
    });
    await write(store, "shop/a.dump");
    await expect(keysOf(store)).rejects.toMatchObject({ code: "storage_auth_failed" });
  });
});
