// The S3 store writing to a server that answers 500, resets, stalls and lies. Each fault is either overcome, and the
// object is byte-identical, or has a named error and leaves nothing.

import { describe, expect, test } from "bun:test";
import { sampleBytes } from "../../src/ports/object-store-checks/check.ts";
import {
  openS3Rig,
  type S3Rig,
  always,
  listed,
  MiB,
  read,
  write,
  never as signal,
  sampleKey as key,
} from "../support/s3-store.ts";
import type { S3Fault } from "../support/s3-server.ts";

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
