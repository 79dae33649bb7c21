// SFTP when things break: dropped connections, a silent network, a killed server, a full disk, refused writes.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { SftpStoreConfig } from "../../src/adapters/object-store/sftp/config.ts";
import { publish } from "../../src/adapters/object-store/sftp/publish.ts";
import { openSession, type SftpSession } from "../../src/adapters/object-store/sftp/session.ts";
import { AppError } from "../../src/domain/error.ts";
import { openSftpStore } from "../../src/adapters/object-store/sftp/index.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { needs } from "../support/requirement.ts";
import { hasSshd, sshdPrograms, startSshd, type SshdServer } from "../support/sshd-server.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const test = needs(...sshdPrograms);
const MiB = 1024 * 1024;
const signal = new AbortController().signal;
const times = { connectTimeoutMs: 3_000, keepaliveMs: 300 };
let server: SshdServer;
let proxy: TcpProxy;
const logged: string[] = [];

beforeAll(async () => {
  if (!hasSshd()) return;
  server = await startSshd();
  proxy = await startTcpProxy(server.port);
  await server.addKnownPort(proxy.port);
}, 30_000);
afterAll(async () => {
  if (!hasSshd()) return;
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function openStore(more: { port?: number; path?: string } = {}): ObjectStore {
  proxy.setFaults({});
  const settings = server.settings({ port: proxy.port, ...more });
  return openSftpStore(settings, { log: (level, message) => void logged.push(`${level} ${message}`) }, times);
}

function sample(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31 + (i >> 12)) & 255;
  return bytes;
}

async function writeAll(store: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  await using writer = await store.openWriter(key, { signal });
  for (let at = 0; at < bytes.length; at += 300_000) await writer.write(bytes.subarray(at, at + 300_000));
  await writer.close();
}

async function readAll(store: ObjectStore, key: string, onChunk?: () => void): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, { signal })) {
    chunks.push(chunk);
    onChunk?.();
  }
  return Buffer.concat(chunks);
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("", signal)) keys.push(key);
  return keys.toSorted();
}

const unreachable = { code: "storage_unreachable", retryable: true };

test("a connection that drops in the midst of a write leaves nothing, and the store goes on", async () => {
  await using store = openStore();
  await store.create("dropped/kept.json", sample(100), { signal });
  proxy.resetAll();
  proxy.setFaults({ resetAfterSentBytes: 3 * MiB });
  await expect(writeAll(store, "dropped/big.bin", sample(12 * MiB))).rejects.toMatchObject(unreachable);
  expect(await keysOf(store)).toEqual(["dropped/kept.json"]);
  expect(await store.listDebris(signal)).toEqual([]);
  proxy.setFaults({});
  await writeAll(store, "dropped/big.bin", sample(12 * MiB));
  expect((await readAll(store, "dropped/big.bin")).equals(sample(12 * MiB))).toBe(true);
}, 30_000);

test("a reader goes on where it was when the connection drops, as long as it gets on", async () => {
  await using store = openStore();
  const bytes = sample(20 * MiB);
  await writeAll(store, "read/big.bin", bytes);
  const before = proxy.connections;
  proxy.resetAll();
  proxy.setFaults({ resetAfterReceivedBytes: 6 * MiB });
  expect((await readAll(store, "read/big.bin")).equals(bytes)).toBe(true);
  expect(proxy.connections - before).toBeGreaterThan(2);
}, 40_000);

test("a reader that cannot go on throws and never ends early", async () => {
  await using store = openStore();
  await writeAll(store, "read/cut.bin", sample(20 * MiB));
  const reading = readAll(store, "read/cut.bin", () => {
    proxy.setFaults({ refuse: true });
    proxy.resetAll();
  });
  await expect(reading).rejects.toMatchObject(unreachable);
}, 40_000);

test("a reader does not go on in a file that was changed meanwhile", async () => {
  await using store = openStore();
  await writeAll(store, "read/changed.bin", sample(20 * MiB));
  let isChanged = false;
  const reading = readAll(store, "read/changed.bin", () => {
    if (isChanged) return;
    isChanged = true;
    appendFileSync(join(server.dataPath, "read/changed.bin"), "more");
    proxy.resetAll();
  });
  await expect(reading).rejects.toMatchObject({ code: "storage_failed" });
}, 40_000);

test("a file that is cut while it is read is an error, never an end", async () => {
  await using store = openStore();
  await writeAll(store, "read/short.bin", sample(20 * MiB));
  let isCut = false;
  const reading = readAll(store, "read/short.bin", () => {
    if (!isCut) spawnSync("truncate", ["-s", "9M", join(server.dataPath, "read/short.bin")]);
    isCut = true;
  });
  await expect(reading).rejects.toMatchObject({
    code: "storage_failed",
    message: expect.stringContaining("ended at byte") as string,
  });
}, 40_000);

test("a network that falls silent is noticed", async () => {
  await using store = openStore();
  const writer = await store.openWriter("silent/big.bin", { signal });
  await writer.write(sample(MiB));
  proxy.setFaults({ stall: true });
  const startedAt = performance.now();
  const writing = (async () => {
    for (;;) await writer.write(sample(MiB));
  })();
  await expect(writing).rejects.toMatchObject(unreachable);
  // The cleaning up cannot get through either; it must give up and say what is left.
  await writer.abort();
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  expect(logged.some((line) => line.includes("could not be removed"))).toBe(true);
  proxy.setFaults({});
  for (const debris of await store.listDebris(signal)) await store.deleteDebris(debris, signal);
  expect((await store.listDebris(signal)).length).toBe(0);
}, 40_000);

test("an abort ends a write on a silent network at once, with its reason", async () => {
  await using store = openStore();
  const controller = new AbortController();
  const writer = await store.openWriter("silent/aborted.bin", { signal: controller.signal });
  proxy.setFaults({ stall: true });
  setTimeout(() => controller.abort(new Error("enough")), 100);
  const startedAt = performance.now();
  const writing = (async () => {
    for (;;) await writer.write(sample(MiB));
  })();
  await expect(writing).rejects.toThrow("enough");
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  proxy.setFaults({});
  await writer.abort();
  expect(await store.listDebris(signal)).toEqual([]);
}, 40_000);

test("latency does not stop the stream: requests are under way at once", async () => {
  await using store = openStore();
  await store.probe(signal);
  proxy.setFaults({ latencyMs: 10 });
  const startedAt = performance.now();
  await writeAll(store, "slow/big.bin", sample(4 * MiB));
  expect((await readAll(store, "slow/big.bin")).length).toBe(4 * MiB);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
}, 40_000);

test("a server that is killed fails the write; what it left is debris until it is collected", async () => {
  const own = await startSshd();
  const store = openSftpStore(own.settings(), { log: (level, text) => void logged.push(`${level} ${text}`) }, times);
  try {
    await store.create("a/kept.json", sample(10), { signal });
    const writer = await store.openWriter("a/big.bin", { signal });
    await writer.write(sample(3 * MiB));
    await own.kill();
    const more = (async () => {
      for (let i = 0; i < 50; i++) await writer.write(sample(MiB));
    })();
    await expect(more).rejects.toMatchObject(unreachable);
    await expect(writer.close()).rejects.toMatchObject(unreachable);
    await writer.abort();
    expect(logged.at(-1)).toContain("could not be removed");
    await own.restart();
    expect(await keysOf(store)).toEqual(["a/kept.json"]);
    const debris = await store.listDebris(signal);
    expect(debris.map(({ key }) => key)).toEqual(["a/big.bin"]);
    await store.deleteDebris(debris[0]!, signal);
    expect(await store.listDebris(signal)).toEqual([]);
    await writeAll(store, "a/big.bin", sample(MiB));
  } finally {
    await store[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
  }
}, 60_000);

test("a connection that died unnoticed between two requests is made again", async () => {
  await using store = openStore({ path: join(server.dataPath, "again") });
  const bytes = sample(100);
  await store.create("a.json", bytes, { signal });
  const steps: (() => Promise<unknown>)[] = [
    async () => expect((await readAll(store, "a.json")).equals(bytes)).toBe(true),
    async () => expect(await store.find("a.json", signal)).toMatchObject({ sizeBytes: 100 }),
    async () => expect(await keysOf(store)).toContain("a.json"),
    () => writeAll(store, "b.bin", bytes),
    () => store.create("c.json", bytes, { signal }),
    () => store.freeBytes(signal),
    () => store.probe(signal),
    () => store.delete("b.bin", signal),
  ];
  for (const step of steps) {
    proxy.resetAll();
    await step();
  }
  expect(await keysOf(store)).toEqual(["a.json", "c.json"]);
  expect(await store.listDebris(signal)).toEqual([]);
}, 20_000);

test("files and directories are for the login alone", async () => {
  await using store = openStore({ path: join(server.dataPath, "new/root") });
  await store.create("deep/x.json", sample(10), { signal });
  for (const path of ["new", "new/root", "new/root/deep"]) {
    expect(statSync(join(server.dataPath, path)).mode & 0o777).toBe(0o700);
  }
  expect(statSync(join(server.dataPath, "new/root/deep/x.json")).mode & 0o777).toBe(0o600);
  await store.delete("deep/x.json", signal);
  expect(readdirSync(join(server.dataPath, "new/root"))).toEqual([]);
});

test("a directory that is not there is unreachable, never an empty listing", async () => {
  await using store = openStore({ path: join(server.dataPath, "absent") });
  await expect(keysOf(store)).rejects.toMatchObject({ code: "storage_unreachable" });
  await expect(store.find("x.json", signal)).rejects.toMatchObject({ code: "storage_unreachable" });
  await expect(readAll(store, "x.json")).rejects.toMatchObject({ code: "storage_unreachable" });
  expect(await store.freeBytes(signal)).toBeGreaterThan(0);
});

test("links are followed, but never in a circle, and other files of the directory are no objects", async () => {
  await using store = openStore({ path: join(server.dataPath, "links") });
  await store.create("real/x.json", sample(10), { signal });
  const root = join(server.dataPath, "links");
  spawnSync("ln", ["-s", "real", join(root, "linked")]);
  spawnSync("ln", ["-s", "..", join(root, "real/up")]);
  spawnSync("ln", ["-s", "nowhere", join(root, "broken")]);
  mkdirSync(join(root, ".hidden"));
  writeFileSync(join(root, ".hidden/secret.json"), "");
  writeFileSync(join(root, ".lock"), "");
  expect(await keysOf(store)).toEqual(["linked/x.json", "real/x.json"]);
});

test("a login that may only read is refused as such", async () => {
  await using readOnly = await startSshd(["ForceCommand internal-sftp -R"]);
  await using store = openSftpStore(readOnly.settings(), { log() {} }, times);
  const refused = { code: "storage_auth_failed", retryable: false };
  await expect(store.create("x.json", sample(10), { signal })).rejects.toMatchObject(refused);
  await expect(writeAll(store, "a/b.bin", sample(10))).rejects.toMatchObject(refused);
  expect(await keysOf(store)).toEqual([]);
}, 20_000);

test("a relative path begins where the login begins", async () => {
  await using own = await startSshd([`ForceCommand internal-sftp -d ${tmpdir()}`]);
  const below = relative(tmpdir(), own.dataPath);
  for (const path of [below, `${below}/backups/`]) {
    await using store = openSftpStore(own.settings({ path }), { log() {} }, times);
    await store.probe(signal);
    await writeAll(store, "a/b.bin", sample(1000));
    expect(await keysOf(store)).toContain("a/b.bin");
    await store.delete("a/b.bin", signal);
  }
  expect(readdirSync(own.dataPath)).toEqual(["backups"]);
}, 20_000);

describe("a link whose answer was lost", () => {
  const content = sample(5000);
  /** Every request that may only be done once is done, but its answer never comes. */
  const losing = (session: SftpSession): SftpSession => ({
    location: session.location,
    hasConnection: true,
    connect: (at) => session.connect(at),
    close: () => session.close(),
    async call(at, invoke, options) {
      const value = await session.call(at, invoke, options);
      if (options?.once) throw new AppError("storage_unreachable", "the answer was lost", { retryable: true });
      return value;
    },
  });

  async function publishWith(existing: Uint8Array | undefined): Promise<string[]> {
    const path = join(server.dataPath, `publish-${Math.random()}`);
    mkdirSync(path);
    const session = openSession(SftpStoreConfig.parse(server.settings()), "sftp://test", times);
    try {
      const [temporary, target] = [join(path, ".x.0123456789ab.part"), join(path, "x")];
      writeFileSync(temporary, content);
      const publication = {
        key: "x",
        temporary,
        target,
        sizeBytes: content.length,
        purpose: "create" as const,
        signal,
      };
      if (existing !== undefined) writeFileSync(target, existing);
      await publish({ ...publication, session: losing(session), onNoHardLinks() {}, onNoReplace() {} });
      return readdirSync(path);
    } finally {
      await session.close();
    }
  }

  test("is looked after: the object is there, and the creation a success", async () => {
    expect(await publishWith(undefined)).toEqual(["x"]);
  });

  test("is no success when the object is somebody else's", async () => {
    await expect(publishWith(sample(4999))).rejects.toMatchObject({ code: "object_exists" });
    await expect(publishWith(sample(5000).fill(1))).rejects.toMatchObject({ code: "object_exists" });
  });
});

describe("on a disk of 6 MiB", () => {
  const disk = (): string => join(server.directory, "disk");
  const isRoot = process.getuid?.() === 0;
  const testAsRoot = isRoot || process.env["CI"] === "true" ? test : needs("root, to mount a small disk");

  beforeAll(() => {
    if (!hasSshd()) return;
    mkdirSync(disk(), { mode: 0o700 });
    if (isRoot) spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", disk()]);
  });
  afterAll(() => {
    if (isRoot && hasSshd()) spawnSync("umount", [disk()]);
  });

  testAsRoot(
    "a write that does not fit is disk_full and leaves nothing",
    async () => {
      await using store = openStore({ path: disk() });
      await store.create("kept.json", sample(1000), { signal });
      const full = { code: "disk_full", hint: expect.stringContaining("free some space") as string };
      await expect(writeAll(store, "big.bin", sample(20 * MiB))).rejects.toMatchObject(full);
      await expect(store.create("big.json", sample(8 * MiB), { signal })).rejects.toMatchObject(full);
      expect(readdirSync(disk())).toEqual(["kept.json"]);
      expect(await store.freeBytes(signal)).toBeGreaterThan(5_000_000);
    },
    20_000,
  );
});
