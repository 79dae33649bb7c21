// A server of the bare protocol: no sync, no hard links, no replacing rename, no free space, short answers to reads.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { open } from "../../src/adapters/object-store/sftp/index.ts";
import { describeObjectStoreContract } from "../../src/ports/object-store.contract.ts";
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
