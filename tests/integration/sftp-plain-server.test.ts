// A server of the bare protocol: no sync, no hard links, no replacing rename, no free space, short answers to reads.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "../../src/adapters/object-store/sftp/index.ts";
import { describeObjectStoreContract } from "../../src/ports/object-store.contract.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startPlainSftp, type PlainSftpServer } from "../support/plain-sftp-server.ts";

const signal = new AbortController().signal;
const password = "canary-password";
const openOn = (server: PlainSftpServer) => {
  const { port, knownHostsPath, dataPath } = server;
  return open(
    { host: "127.0.0.1", port, user: "u", password, known_hosts_path: knownHostsPath, path: dataPath },
    { log() {} },
  );
};

describeObjectStoreContract("sftp without extensions", async () => {
  const server = await startPlainSftp({ password });
  return { store: openOn(server), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
});

async function textOf(store: ObjectStore, key: string): Promise<string> {
  return Buffer.concat(await Array.fromAsync(store.read(key, { signal }))).toString();
}

let server: PlainSftpServer;
beforeAll(async () => {
  server = await startPlainSftp({ password });
});
afterAll(() => server[Symbol.asyncDispose]());

test("what the server cannot do is told once it was asked", async () => {
  await using store = openOn(server);
  await store.probe(signal);
  expect(await store.freeBytes(signal)).toBeNull();
  expect(store.capabilities).toEqual({
    conditionalCreate: false,
    atomicReplace: true,
    tags: false,
    freeSpace: false,
  });
});

test("a rename whose answer was lost is looked after: the object is there, and the write a success", async () => {
  await using store = openOn(server);
  const bytes = new Uint8Array(50_000).fill(7);
  await using writer = await store.openWriter("lost/answer.bin", { signal });
  await writer.write(bytes);
  server.dropAfter("RENAME");
  expect(await writer.close()).toMatchObject({ key: "lost/answer.bin", sizeBytes: 50_000 });
  expect(await store.find("lost/answer.bin", signal)).toMatchObject({ sizeBytes: 50_000 });
  expect(await store.listDebris(signal)).toEqual([]);
});

test("a replacement takes two renames here, and is told so; with any answer lost one of the two objects is left", async () => {
  await using store = openOn(server);
  const [old, bytes] = [new Uint8Array(500).fill(1), new Uint8Array(600).fill(2)];
  await store.replace("lost/note.json", old, { signal });
  expect(store.capabilities.atomicReplace).toBe(false);
  const sizeOf = async (): Promise<number | undefined> => (await store.find("lost/note.json", signal))?.sizeBytes;
  for (const lost of [1, 2]) {
    server.dropAfter("RENAME", lost);
    const failure = await store.replace("lost/note.json", bytes, { signal }).catch((error: unknown) => error);
    expect(await sizeOf()).toBe(failure === undefined || !(failure instanceof Error) ? 600 : 500);
    await store.replace("lost/note.json", old, { signal });
    for (const debris of await store.listDebris(signal)) await store.deleteDebris(debris, signal);
  }
  await store.delete("lost/note.json", signal);
});

test("the answer to the removal of the old object is lost, and the new one is there", async () => {
  await using store = openOn(server);
  await store.replace("lost/removed.json", Buffer.from("old"), { signal });
  server.dropAfter("REMOVE");
  await store.replace("lost/removed.json", Buffer.from("new"), { signal });
  expect(await textOf(store, "lost/removed.json")).toBe("new");
  expect(await store.listDebris(signal)).toEqual([]);
  await store.delete("lost/removed.json", signal);
});

test("a server that goes away in the midst of a replacement has the old object or the new one when it is back", async () => {
  for (const [requests, left] of [
    [1, "old"],
    [2, "new"],
  ] as const) {
    const key = `gone/${requests}.json`;
    await using before = openOn(server);
    await before.replace(key, Buffer.from("old"), { signal });
    server.goAfter("RENAME", requests);
    const cut = before.replace(key, Buffer.from("new"), { signal });
    await expect(cut).rejects.toMatchObject({ code: "storage_unreachable", retryable: true });
    server.comeBack();
    await using after = openOn(server);
    expect(await textOf(after, key)).toBe(left);
    expect((await Array.fromAsync(after.list("gone/", signal))).map((info) => info.key)).toEqual([key]);
    for (const debris of await after.listDebris(signal)) await after.deleteDebris(debris, signal);
    expect(await textOf(after, key)).toBe(left);
    await after.replace(key, Buffer.from("newer"), { signal });
    expect(await textOf(after, key)).toBe("newer");
    await after.delete(key, signal);
    expect(existsSync(join(server.dataPath, "gone"))).toBe(false);
  }
});

describe("an object that stepped aside for one that never came", () => {
  const key = "aside/note.json";
  const directory = (): string => join(server.dataPath, "aside");
  const layOut = (files: Readonly<Record<string, string>>): void => {
    mkdirSync(directory(), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory(), name), text);
  };

  test("is the object still, and no debris", async () => {
    await using store = openOn(server);
    layOut({ ".note.json.replaced": "old", ".note.json.0123456789ab.part": "half" });
    expect(await textOf(store, key)).toBe("old");
    expect(await store.find(key, signal)).toMatchObject({ key, sizeBytes: 3 });
    expect(await Array.fromAsync(store.list("aside/", signal))).toMatchObject([{ key, sizeBytes: 3 }]);
    expect((await store.listDebris(signal)).map(({ id }) => id)).toEqual(["aside/.note.json.0123456789ab.part"]);
    const debris = { id: "aside/.note.json.replaced", key, sizeBytes: 3, startedAt: 0 };
    await store.deleteDebris(debris, signal);
    expect(await textOf(store, key)).toBe("old");
    await store.replace(key, Buffer.from("new"), { signal });
    expect(await textOf(store, key)).toBe("new");
    expect(readdirSync(directory()).toSorted()).toEqual([".note.json.0123456789ab.part", "note.json"]);
    for (const one of await store.listDebris(signal)) await store.deleteDebris(one, signal);
    await store.delete(key, signal);
  });

  test("is debris once the new one has its name", async () => {
    await using store = openOn(server);
    layOut({ ".note.json.replaced": "old", "note.json": "newer" });
    expect(await textOf(store, key)).toBe("newer");
    expect(await Array.fromAsync(store.list("aside/", signal))).toMatchObject([{ key, sizeBytes: 5 }]);
    const debris = await store.listDebris(signal);
    expect(debris.map(({ id }) => id)).toEqual(["aside/.note.json.replaced"]);
    await store.deleteDebris(debris[0]!, signal);
    expect(readdirSync(directory())).toEqual(["note.json"]);
    await store.delete(key, signal);
  });

  test("does not come back when the object is deleted", async () => {
    await using store = openOn(server);
    const leftovers: readonly Readonly<Record<string, string>>[] = [
      { ".note.json.replaced": "old" },
      { ".note.json.replaced": "old", "note.json": "newer" },
    ];
    for (const files of leftovers) {
      layOut(files);
      await store.delete(key, signal);
      expect(await store.find(key, signal)).toBeUndefined();
      expect(await Array.fromAsync(store.list("aside/", signal))).toEqual([]);
      expect(await store.listDebris(signal)).toEqual([]);
    }
  });
});

test("a file whose opening was not answered is debris at most", async () => {
  await using store = openOn(server);
  server.dropAfter("OPEN");
  await expect(store.openWriter("lost/open.bin", { signal })).rejects.toMatchObject({ code: "storage_unreachable" });
  const debris = await store.listDebris(signal);
  expect(debris.map(({ key }) => key)).toEqual(["lost/open.bin"]);
  await store.deleteDebris(debris[0]!, signal);
});

test("a drop within a write leaves nothing", async () => {
  await using store = openOn(server);
  server.dropAfter("WRITE");
  const attempt = (async () => {
    await using writer = await store.openWriter("lost/write.bin", { signal });
    await writer.write(new Uint8Array(200_000));
    await writer.close();
  })();
  await expect(attempt).rejects.toMatchObject({ code: "storage_unreachable", retryable: true });
  expect(await store.find("lost/write.bin", signal)).toBeUndefined();
  expect(await store.listDebris(signal)).toEqual([]);
});
