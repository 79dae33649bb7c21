// A writer that is killed leaves nothing but debris, which the next process finds and removes.

import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objectStoreDefinitions } from "../../src/adapters/object-store/index.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startPlainSftp } from "../support/plain-sftp-server.ts";
import { startS3Server } from "../support/s3-server.ts";

const signal = new AbortController().signal;

async function crashIn(
  script: string,
  type: string,
  settings: Record<string, unknown>,
  afterMs = 0,
): Promise<ObjectStore> {
  const path = join(import.meta.dir, "../support", script);
  const child = spawn(process.execPath, [path, type, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the writing process ended by itself")));
  });
  child.stdout.resume();
  await Bun.sleep(afterMs);
  child.kill("SIGKILL");
  await gone;
  const definition = objectStoreDefinitions.find((one) => one.type === type)!;
  return (await definition.load()).open(definition.config.parse(settings), { log() {} });
}

const crashWhileWriting = (type: string, settings: Record<string, unknown>): Promise<ObjectStore> =>
  crashIn("crash-while-writing.ts", type, settings);

/** Each time at another moment: the object is one of those that were written, whole, and no debris is taken for it. */
async function expectKeptThroughCrashes(type: string, settings: Record<string, unknown>): Promise<void> {
  for (let round = 0; round < 6; round++) {
    await using store = await crashIn("crash-while-replacing.ts", type, settings, 3 + round * 7);
    const expectWhole = async (): Promise<void> => {
      const bytes = Buffer.concat(await Array.fromAsync(store.read("shop/note.json", { signal })));
      expect(bytes.equals(Buffer.alloc(5000, bytes[0]))).toBe(true);
      const listed = await Array.fromAsync(store.list("", signal));
      expect(listed.map(({ key, sizeBytes }) => `${key} ${sizeBytes}`)).toEqual(["shop/note.json 5000"]);
    };
    await expectWhole();
    for (const debris of await store.listDebris(signal)) await store.deleteDebris(debris, signal);
    await expectWhole();
  }
}

async function expectOnlyDebris(store: ObjectStore): Promise<void> {
  expect(await Array.fromAsync(store.list("", signal))).toEqual([]);
  expect(await store.find("shop/half.dump", signal)).toBeUndefined();
  const debris = await store.listDebris(signal);
  expect(debris.map(({ key }) => key)).toEqual(["shop/half.dump"]);
  expect(Math.abs(Date.now() - debris[0]!.startedAt)).toBeLessThan(60_000);
  for (const one of debris) await store.deleteDebris(one, signal);
  expect(await store.listDebris(signal)).toEqual([]);
}

test("kill -9 while writing to a local directory", async () => {
  const path = await mkdtemp(join(tmpdir(), "backupctl-crash-"));
  try {
    await expectOnlyDebris(await crashWhileWriting("local", { path }));
    expect(await readdir(path)).toEqual([]);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}, 20_000);

test("kill -9 while writing to S3", async () => {
  await using server = await startS3Server();
  const { accessKey: access_key, secretKey: secret_key } = server.credentials;
  const settings = { endpoint: server.endpoint, bucket: server.bucket, prefix: "p", access_key, secret_key };
  await expectOnlyDebris(await crashWhileWriting("s3", settings));
  expect(server.uploads.size).toBe(0);
}, 20_000);

test("kill -9 while replacing an object in a local directory leaves the old one or the new one", async () => {
  const path = await mkdtemp(join(tmpdir(), "backupctl-crash-"));
  try {
    await expectKeptThroughCrashes("local", { path });
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}, 60_000);

test("kill -9 while replacing an object in two steps over SFTP leaves the old one or the new one", async () => {
  const password = "canary-password";
  await using server = await startPlainSftp({ password });
  const { port, dataPath: path, knownHostsPath: known_hosts_path } = server;
  await expectKeptThroughCrashes("sftp", { host: "127.0.0.1", port, user: "u", password, known_hosts_path, path });
}, 60_000);
