// The S3 store on a server that answers 500, resets, stalls and lies. Each fault is either overcome, and the object is
// byte-identical, or has a named error and leaves nothing.

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { sampleBytes } from "../../src/ports/object-store-checks/check.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { needs } from "../support/requirement.ts";
import { openS3Rig, openStoreOn, type S3Rig } from "../support/s3-store.ts";
import type { S3Fault } from "../support/s3-server.ts";

const signal = new AbortController().signal;
const MiB = 1024 * 1024;
const always = Number.POSITIVE_INFINITY;
const key = "shop/2026/11/dump.zst.enc";

async function write(store: ObjectStore, bytes: Uint8Array, cancel: AbortSignal = signal): Promise<void> {
  await using writer = await store.openWriter(key, { signal: cancel });
  for (let at = 0; at < bytes.length; at += MiB) await writer.write(bytes.subarray(at, at + MiB));
  await writer.close();
}

async function read(store: ObjectStore, offset = 0): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(key, { signal, offset })));
}

async function listed(store: ObjectStore): Promise<string[]> {
  return (await Array.fromAsync(store.list("", signal))).map((info) => info.key);
}

function expectNothing({ server }: S3Rig): void {
  expect([...server.objects.keys()]).toEqual([]);
  expect(server.uploads.size).toBe(0);
}

describe("an S3 write overcomes", () => {
  const overcome: [string, number, S3Fault[]][] = [
    ["a part answered 500", 17 * MiB, [{ on: "UploadPart", skip: 1, do: "error", status: 500, code: "InternalError" }]],
    [
      "three parts answered 503",
      17 * MiB,
      [{ on: "UploadPart", times: 3, do: "error", status: 503, code: "SlowDown" }],
    ],
    ["a throttled part", 17 * MiB, [{ on: "UploadPart", do: "error", status: 429, code: "TooManyRequests" }]],
    [
      "a part that timed out at the store",
      17 * MiB,
      [{ on: "UploadPart", do: "error", status: 400, code: "RequestTimeout" }],
    ],
    [
      "a connection reset in the middle of a part",
      17 * MiB,
      [{ on: "UploadPart", times: 2, do: "reset", afterBytes: MiB }],
    ],
    ["a part whose answer is lost", 17 * MiB, [{ on: "UploadPart", do: "done-but-reset" }]],
    ["a part that changed on its way", 17 * MiB, [{ on: "UploadPart", skip: 1, do: "flip" }]],
    ["an upload begun twice", 17 * MiB, [{ on: "CreateMultipartUpload", do: "done-but-reset" }]],
    [
      "a completion that is done but answered 500",
      17 * MiB,
      [{ on: "CompleteMultipartUpload", do: "done-but-error", status: 500 }],
    ],
    ["a completion whose answer is lost", 17 * MiB, [{ on: "CompleteMultipartUpload", do: "done-but-reset" }]],
    [
      "a completion answered 200 with an error in it",
      17 * MiB,
      [{ on: "CompleteMultipartUpload", do: "error-in-200", code: "InternalError" }],
    ],
    [
      "a completion answered 503",
      17 * MiB,
      [{ on: "CompleteMultipartUpload", do: "error", status: 503, code: "SlowDown" }],
    ],
    [
      "a small object answered 500",
      1000,
      [{ on: "PutObject", times: 2, do: "error", status: 500, code: "InternalError" }],
    ],
    ["a small object whose answer is lost", 1000, [{ on: "PutObject", do: "done-but-reset" }]],
    ["a HEAD that fails once", 1000, [{ on: "HeadObject", do: "error", status: 500, code: "InternalError" }]],
    [
      "a server that answers 500 to the first of everything",
      17 * MiB,
      [{ on: "any", times: 3, do: "error", status: 500, code: "InternalError" }],
    ],
  ];
  for (const [name, size, faults] of overcome) {
    test(name, async () => {
      await using rig = await openS3Rig();
      rig.server.setFaults(faults);
      const bytes = sampleBytes(size, 1);
      await write(rig.store, bytes);
      rig.server.setFaults([]);
      expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
      expect(await listed(rig.store)).toEqual([key]);
      expect(rig.server.uploads.size).toBe(0);
    });
  }

  test("a part that changed on its way, at a server that knows no checksums but tells the MD5", async () => {
    await using rig = await openS3Rig({ behaviour: { ignoresChecksums: true } });
    await rig.store.probe(signal);
    rig.server.setFaults([{ on: "UploadPart", skip: 1, do: "flip" }]);
    const bytes = sampleBytes(17 * MiB, 2);
    await write(rig.store, bytes);
    expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
  });

  test("a long upload with a failure every few parts, while its buffers are used again and again", async () => {
    await using rig = await openS3Rig();
    const failures = Array.from({ length: 12 }, (_, i): S3Fault => {
      return { on: "UploadPart", skip: i * 3, do: "error", status: 503, code: "SlowDown" };
    });
    rig.server.setFaults(failures);
    const bytes = sampleBytes(72 * MiB + 5, 14);
    await write(rig.store, bytes);
    expect(rig.server.requests.filter(({ status }) => status === 503).length).toBeGreaterThan(3);
    expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
  });

  test("a stalled part, by its time limit", async () => {
    await using rig = await openS3Rig({ policy: { timeoutMs: 300, slowestBytesPerSecond: 20 * MiB } });
    rig.server.setFaults([{ on: "UploadPart", skip: 1, do: "stall", ms: 60_000 }]);
    const bytes = sampleBytes(17 * MiB, 3);
    const startedAt = performance.now();
    await write(rig.store, bytes);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
  });

  test("a clock that is an hour off", async () => {
    await using rig = await openS3Rig();
    rig.server.setClock(60 * 60_000);
    const bytes = sampleBytes(12 * MiB, 4);
    await write(rig.store, bytes);
    expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
  });
});

describe("an S3 write that cannot be saved leaves nothing and says why", () => {
  const lost: [string, string, number, S3Fault[]][] = [
    [
      "parts are always answered 500",
      "storage_failed",
      17 * MiB,
      [{ on: "UploadPart", times: always, do: "error", status: 500, code: "InternalError" }],
    ],
    [
      "parts are always reset",
      "storage_failed",
      17 * MiB,
      [{ on: "UploadPart", times: always, do: "reset", afterBytes: MiB }],
    ],
    ["parts always arrive changed", "storage_failed", 17 * MiB, [{ on: "UploadPart", times: always, do: "flip" }]],
    [
      "the third part is forbidden",
      "storage_auth_failed",
      22 * MiB,
      [{ on: "UploadPart", skip: 2, times: always, do: "error", status: 403, code: "AccessDenied" }],
    ],
    [
      "the credentials expire midway",
      "storage_auth_failed",
      22 * MiB,
      [{ on: "UploadPart", skip: 2, times: always, do: "error", status: 400, code: "ExpiredToken" }],
    ],
    [
      "the quota is used up",
      "disk_full",
      17 * MiB,
      [{ on: "UploadPart", skip: 1, times: always, do: "error", status: 507, code: "XMinioStorageFull" }],
    ],
    ["the store loses a part", "storage_failed", 17 * MiB, [{ on: "UploadPart", skip: 1, do: "lose" }]],
    [
      "the upload cannot be begun",
      "storage_failed",
      17 * MiB,
      [{ on: "CreateMultipartUpload", times: always, do: "error", status: 503, code: "SlowDown" }],
    ],
    [
      "the completion always fails",
      "storage_failed",
      17 * MiB,
      [{ on: "CompleteMultipartUpload", times: always, do: "error", status: 500, code: "InternalError" }],
    ],
    [
      "the completion is always an error in a 200",
      "storage_failed",
      17 * MiB,
      [{ on: "CompleteMultipartUpload", times: always, do: "error-in-200", code: "InternalError" }],
    ],
    [
      "the completion is refused in a 200",
      "storage_auth_failed",
      17 * MiB,
      [{ on: "CompleteMultipartUpload", times: always, do: "error-in-200", code: "AccessDenied" }],
    ],
    [
      "the object has another size than was written",
      "storage_failed",
      17 * MiB,
      [{ on: "HeadObject", times: always, do: "lie-size", bytes: -1 }],
    ],
    [
      "a small object has another size than was written",
      "storage_failed",
      1000,
      [{ on: "HeadObject", times: always, do: "lie-size", bytes: 7 }],
    ],
    ["a small object is lost", "storage_failed", 1000, [{ on: "PutObject", do: "lose" }]],
    [
      "a small object is refused",
      "storage_auth_failed",
      1000,
      [{ on: "PutObject", times: always, do: "error", status: 403, code: "AccessDenied" }],
    ],
    [
      "a small object is written but always answered 500",
      "storage_failed",
      1000,
      [{ on: "PutObject", times: always, do: "done-but-error", status: 500 }],
    ],
    [
      "the bucket is gone",
      "storage_failed",
      1000,
      [{ on: "PutObject", times: always, do: "error", status: 404, code: "NoSuchBucket" }],
    ],
  ];
  for (const [name, code, size, faults] of lost) {
    test(name, async () => {
      await using rig = await openS3Rig();
      rig.server.setFaults(faults);
      await expect(write(rig.store, sampleBytes(size, 5))).rejects.toMatchObject({ code });
      expectNothing(rig);
    });
  }

  test("a completion that is unclear, when the object then has another size", async () => {
    await using rig = await openS3Rig();
    rig.server.setFaults([
      { on: "CompleteMultipartUpload", do: "done-but-error", status: 500 },
      { on: "HeadObject", times: always, do: "lie-size", bytes: -5 * MiB },
    ]);
    await expect(write(rig.store, sampleBytes(12 * MiB, 5))).rejects.toMatchObject({ code: "storage_failed" });
    expectNothing(rig);
  });

  test("a refusal is not tried again", async () => {
    await using rig = await openS3Rig();
    rig.server.setFaults([
      { on: "UploadPart", times: always, do: "error", status: 403, code: "SignatureDoesNotMatch" },
    ]);
    await expect(write(rig.store, sampleBytes(30 * MiB, 6))).rejects.toMatchObject({ retryable: false });
    expect(rig.server.countOf("UploadPart")).toBeLessThanOrEqual(3);
  });

  test("with the credentials gone even the unfinished upload cannot be removed: it is told, and found later", async () => {
    await using rig = await openS3Rig();
    const { server, store, logs } = rig;
    await using writer = await store.openWriter(key, { signal });
    await writer.write(sampleBytes(12 * MiB, 7));
    const secretKey = server.credentials.secretKey;
    server.credentials.secretKey = "changed-meanwhile";
    const more = (async () => {
      await writer.write(sampleBytes(12 * MiB, 8));
      await writer.close();
    })();
    await expect(more).rejects.toMatchObject({ code: "storage_auth_failed" });
    await writer.abort();
    expect(logs.join("\n")).toContain(`an unfinished upload of ${key} is left`);
    server.credentials.secretKey = secretKey;
    const [debris] = await store.listDebris(signal);
    expect(debris?.key).toBe(key);
    await store.deleteDebris(debris!, signal);
    expectNothing(rig);
  });

  test("after a failed write no later write and no close of the same writer succeeds", async () => {
    await using rig = await openS3Rig();
    rig.server.setFaults([{ on: "CreateMultipartUpload", do: "error", status: 403, code: "AccessDenied" }]);
    const writer = await rig.store.openWriter(key, { signal });
    const refused = { code: "storage_auth_failed" };
    await expect(writer.write(sampleBytes(6 * MiB, 9))).rejects.toMatchObject(refused);
    await expect(writer.write(sampleBytes(6 * MiB, 9))).rejects.toMatchObject(refused);
    await expect(writer.close()).rejects.toMatchObject(refused);
    await writer.abort();
    expectNothing(rig);
  });

  test("a cancelled write does not wait for a stalled part", async () => {
    await using rig = await openS3Rig({ policy: { timeoutMs: 60_000 } });
    rig.server.setFaults([{ on: "UploadPart", times: always, do: "stall", ms: 60_000 }]);
    const controller = new AbortController();
    const writing = write(rig.store, sampleBytes(30 * MiB, 10), controller.signal);
    await Bun.sleep(300);
    const startedAt = performance.now();
    controller.abort(new Error("the user pressed ^C"));
    await expect(writing).rejects.toThrow("the user pressed ^C");
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expectNothing(rig);
  });
});

describe("an S3 store that cannot be reached", () => {
  test("a refused connection is storage_unreachable, soon", async () => {
    const rig = await openS3Rig();
    const store = openStoreOn(rig.server);
    await rig[Symbol.asyncDispose]();
    const unreachable = { code: "storage_unreachable", retryable: true };
    await expect(store.probe(signal)).rejects.toMatchObject(unreachable);
    await expect(write(store, sampleBytes(12 * MiB, 11))).rejects.toMatchObject(unreachable);
    await expect(listed(store)).rejects.toMatchObject(unreachable);
  });

  test("an unknown host is storage_unreachable", async () => {
    await using rig = await openS3Rig();
    const store = openStoreOn(rig.server, { endpoint: "http://no-such-host.invalid:9000" });
    await expect(store.probe(signal)).rejects.toMatchObject({ code: "storage_unreachable" });
  });

  test("a server that never answers is storage_unreachable", async () => {
    await using rig = await openS3Rig({ policy: { timeoutMs: 50, attempts: 2 } });
    rig.server.setFaults([{ on: "any", times: always, do: "stall", ms: 30_000 }]);
    await expect(rig.store.find(key, signal)).rejects.toMatchObject({ code: "storage_unreachable" });
  });

  needs("openssl")("a certificate that nobody vouches for is storage_unreachable, with what to do", async () => {
    const folder = mkdtempSync(join(tmpdir(), "backupctl-tls-"));
    const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
    const made = spawnSync("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=localhost",
      ...files,
    ]);
    expect(made.status).toBe(0);
    const [key, cert] = [readFileSync(join(folder, "key.pem")), readFileSync(join(folder, "cert.pem"))];
    rmSync(folder, { recursive: true });
    using front = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { key, cert }, fetch: () => new Response("never") });
    await using rig = await openS3Rig();
    const store = openStoreOn(rig.server, { endpoint: `https://localhost:${front.port}` });
    const untrusted = { code: "storage_unreachable", hint: expect.stringContaining("NODE_EXTRA_CA_CERTS") };
    await expect(store.probe(signal)).rejects.toMatchObject(untrusted);
  });

  for (const [name, settings] of Object.entries({
    "an unknown access key": { access_key: "AKIANOBODY" },
    "a wrong secret key": { secret_key: "wrong" },
  })) {
    test(`${name} is storage_auth_failed, and nothing is tried twice`, async () => {
      await using rig = await openS3Rig();
      const store = openStoreOn(rig.server, settings);
      const refused = { code: "storage_auth_failed", retryable: false };
      await expect(store.probe(signal)).rejects.toMatchObject(refused);
      expect(rig.server.requests).toHaveLength(1);
      await expect(write(store, sampleBytes(100, 12))).rejects.toMatchObject(refused);
      await expect(listed(store)).rejects.toMatchObject(refused);
      await expect(store.listDebris(signal)).rejects.toMatchObject(refused);
      await expect(store.delete(key, signal)).rejects.toMatchObject(refused);
      await expect(read(store)).rejects.toMatchObject(refused);
    });
  }

  test("neither secret key nor session token appears in errors or logs", async () => {
    await using rig = await openS3Rig({
      credentials: { accessKey: "AKIATEST", secretKey: "canary-secret-key", sessionToken: "canary-session-token" },
    });
    const logs: string[] = [];
    const store = openStoreOn(rig.server, { session_token: "canary-session-token" }, {}, logs);
    await store.probe(signal);
    const seen: string[] = [];
    for (const [status, name] of [
      [403, "AccessDenied"],
      [500, "InternalError"],
      [400, "InvalidArgument"],
    ] as const) {
      rig.server.setFaults([{ on: "any", times: always, do: "error", status, code: name }]);
      await write(store, sampleBytes(12 * MiB, 13)).catch((error: unknown) =>
        seen.push(inspect(error, { depth: 12, showHidden: true })),
      );
      await listed(store).catch((error: unknown) => seen.push(inspect(error, { depth: 12, showHidden: true })));
    }
    expect(seen).toHaveLength(6);
    expect([...seen, ...logs].join("\n")).not.toMatch(/canary/);
  });
});

describe("an S3 listing is complete or an error", () => {
  test("an error on the second page is an error, not an end", async () => {
    await using rig = await openS3Rig({ behaviour: { pageSize: 10 } });
    for (let i = 0; i < 25; i++) await rig.store.create(`many/${i}.json`, sampleBytes(1, i), { signal });
    rig.server.setFaults([
      { on: "ListObjectsV2", skip: 1, times: always, do: "error", status: 500, code: "InternalError" },
    ]);
    await expect(listed(rig.store)).rejects.toMatchObject({ code: "storage_failed" });
    rig.server.setFaults([{ on: "ListObjectsV2", skip: 1, times: 2, do: "error", status: 500, code: "InternalError" }]);
    expect(await listed(rig.store)).toHaveLength(25);
  });

  test("unfinished uploads come in pages too", async () => {
    await using rig = await openS3Rig({ behaviour: { pageSize: 3 } });
    const writers = [];
    for (let i = 0; i < 8; i++) {
      const writer = await rig.store.openWriter(i < 4 ? key : `shop/${i}`, { signal });
      await writer.write(sampleBytes(5 * MiB, i));
      writers.push(writer);
    }
    expect(await rig.store.listDebris(signal)).toHaveLength(8);
    for (const writer of writers) await writer.abort();
    expect(await rig.store.listDebris(signal)).toEqual([]);
  });

  test("uploads of others, outside the storage's prefix, are not ours to remove", async () => {
    await using rig = await openS3Rig({ behaviour: { exactUploadPrefix: true } });
    const inside = openStoreOn(rig.server, { prefix: "ours" });
    await using writer = await rig.store.openWriter("theirs/a", { signal });
    await writer.write(sampleBytes(5 * MiB, 1));
    expect(await inside.listDebris(signal)).toEqual([]);
    expect(await rig.store.listDebris(signal)).toHaveLength(1);
  });
});

describe("an S3 read delivers everything or throws", () => {
  const bytes = sampleBytes(15 * MiB + 123, 20);
  async function withObject(): Promise<S3Rig> {
    const rig = await openS3Rig();
    await write(rig.store, bytes);
    return rig;
  }

  const overcome: [string, S3Fault[]][] = [
    ["connections that break off in the middle", [{ on: "GetObject", times: 3, do: "cut", afterBytes: 2 * MiB }]],
    ["connections that break off at once", [{ on: "GetObject", skip: 1, times: 2, do: "cut", afterBytes: 1 }]],
    ["answers that are a byte short", [{ on: "GetObject", times: 2, do: "short", bytes: 1 }]],
    ["a server that answers 503", [{ on: "GetObject", times: 3, do: "error", status: 503, code: "SlowDown" }]],
    ["a reset", [{ on: "GetObject", skip: 2, times: 1, do: "reset" }]],
    ["a server that ignores the first range", [{ on: "GetObject", do: "ignore-range" }]],
  ];
  for (const [name, faults] of overcome) {
    test(`in spite of ${name}`, async () => {
      await using rig = await withObject();
      rig.server.setFaults(faults);
      expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
      rig.server.setFaults(faults);
      expect(Buffer.compare(await read(rig.store, 5 * MiB), bytes.subarray(5 * MiB))).toBe(0);
    });
  }

  const lost: [string, string, S3Fault[]][] = [
    [
      "connections always break off",
      "storage_failed",
      [{ on: "GetObject", skip: 1, times: always, do: "cut", afterBytes: MiB }],
    ],
    ["answers are always short", "storage_failed", [{ on: "GetObject", times: always, do: "short", bytes: 1 }]],
    [
      "the server always fails",
      "storage_failed",
      [{ on: "GetObject", skip: 2, times: always, do: "error", status: 500, code: "InternalError" }],
    ],
    [
      "access is taken away midway",
      "storage_auth_failed",
      [{ on: "GetObject", skip: 2, times: always, do: "error", status: 403, code: "AccessDenied" }],
    ],
    [
      "the object vanishes midway",
      "object_not_found",
      [{ on: "GetObject", skip: 2, times: always, do: "error", status: 404, code: "NoSuchKey" }],
    ],
    [
      "later answers are of another place",
      "storage_failed",
      [{ on: "GetObject", skip: 1, times: always, do: "wrong-range" }],
    ],
    ["later ranges are ignored", "storage_failed", [{ on: "GetObject", skip: 1, times: always, do: "ignore-range" }]],
  ];
  for (const [name, code, faults] of lost) {
    test(`and throws when ${name}`, async () => {
      await using rig = await withObject();
      rig.server.setFaults(faults);
      await expect(read(rig.store)).rejects.toMatchObject({ code });
    });
  }

  test("and throws when the object is replaced meanwhile", async () => {
    await using rig = await withObject();
    async function readAndReplace(): Promise<void> {
      let replaced = false;
      for await (const _ of rig.store.read(key, { signal })) {
        if (!replaced) await write(rig.store, sampleBytes(bytes.length, 99));
        replaced = true;
      }
    }
    await expect(readAndReplace()).rejects.toMatchObject({ code: "storage_failed" });
  });

  test("and a stalled answer ends by its time limit", async () => {
    await using rig = await withObject();
    const store = openStoreOn(rig.server, {}, { timeoutMs: 200, slowestBytesPerSecond: 20 * MiB });
    rig.server.setFaults([{ on: "GetObject", skip: 1, do: "stall", ms: 60_000 }]);
    expect(Buffer.compare(await read(store), bytes)).toBe(0);
  });
});

describe("creating on S3", () => {
  const bytes = sampleBytes(2000, 30);
  const create = (store: ObjectStore): Promise<unknown> => store.create(key, bytes, { signal });

  test("succeeds when the answer was lost and the object is ours", async () => {
    await using rig = await openS3Rig();
    await rig.store.probe(signal);
    for (const misdeed of [{ do: "done-but-reset" }, { do: "done-but-error", status: 500 }] as const) {
      rig.server.setFaults([{ on: "PutObject", ...misdeed }]);
      await create(rig.store);
      expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
      await rig.store.delete(key, signal);
    }
  });

  test("is refused when somebody else made the very same object before", async () => {
    await using rig = await openS3Rig();
    await rig.store.probe(signal);
    await create(rig.store);
    await expect(create(rig.store)).rejects.toMatchObject({ code: "object_exists" });
  });

  test("is tried again when the store sees a conflict", async () => {
    await using rig = await openS3Rig();
    rig.server.setFaults([{ on: "PutObject", do: "error", status: 409, code: "ConditionalRequestConflict" }]);
    await create(rig.store);
    expect(rig.server.objects.get(key)?.sizeBytes).toBe(2000);
  });

  test("looks first at a server that ignores conditions, and says that it cannot refuse", async () => {
    await using rig = await openS3Rig({ behaviour: { ignoresConditions: true } });
    await rig.store.probe(signal);
    expect(rig.store.capabilities.conditionalCreate).toBe(false);
    await create(rig.store);
    await expect(create(rig.store)).rejects.toMatchObject({ code: "object_exists" });
    expect(rig.server.countOf("PutObject")).toBe(3);
  });
});

describe("what an S3 object carries", () => {
  const settings = {
    storage_class: "STANDARD_IA",
    sse: "aws:kms",
    sse_kms_key_id: "arn:key/1",
    tags: { team: "db & ops", cost: "1=2" },
  } as const;

  test("class, encryption and tags are sent with small and large objects", async () => {
    await using rig = await openS3Rig();
    const store = openStoreOn(rig.server, { ...settings, tags: { team: "db + ops", cost: "1=2" } });
    for (const size of [10, 12 * MiB]) {
      await using writer = await store.openWriter(`${size}`, {
        signal,
        tags: { project: "shop", type: "daily", time: "2026-11-21T02:00:00Z" },
      });
      await writer.write(sampleBytes(size, 1));
      await writer.close();
      const headers = rig.server.objects.get(`${size}`)!.headers;
      expect(headers["x-amz-storage-class"]).toBe("STANDARD_IA");
      expect(headers["x-amz-server-side-encryption"]).toBe("aws:kms");
      expect(headers["x-amz-server-side-encryption-aws-kms-key-id"]).toBe("arn:key/1");
      expect(Object.fromEntries(new URLSearchParams(headers["x-amz-tagging"]))).toEqual({
        team: "db + ops",
        cost: "1=2",
        project: "shop",
        type: "daily",
        time: "2026-11-21T02:00:00Z",
      });
    }
  });

  test("a store that knows no tags gets none, once that is known, and one warning", async () => {
    await using rig = await openS3Rig({ behaviour: { refusesTags: true } });
    const logs: string[] = [];
    const store = openStoreOn(rig.server, { tags: { team: "db" } }, {}, logs);
    await store.probe(signal);
    expect(store.capabilities.tags).toBe(false);
    const before = rig.server.requests.length;
    await write(store, sampleBytes(12 * MiB, 1));
    await write(store, sampleBytes(10, 1));
    expect(rig.server.requests.slice(before).filter(({ status }) => status >= 400)).toEqual([]);
    expect(logs.filter((line) => line.includes("object tags"))).toHaveLength(1);
  });

  test("a policy that forbids tagging does not forbid the backup", async () => {
    await using rig = await openS3Rig();
    const store = openStoreOn(rig.server, { tags: { team: "db" } });
    rig.server.setFaults([{ on: "CreateMultipartUpload", do: "error", status: 403, code: "AccessDenied" }]);
    await write(store, sampleBytes(12 * MiB, 1));
    expect(rig.server.objects.get(key)?.headers["x-amz-tagging"]).toBeUndefined();
    expect(store.capabilities.tags).toBe(false);
  });
});
