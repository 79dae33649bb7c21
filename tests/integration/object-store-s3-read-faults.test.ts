// The S3 store listing, reading and creating on a server that fails and lies: everything is delivered, or an error is.

import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/domain/error.ts";
import { sampleBytes } from "../../src/ports/object-store-checks/check.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import {
  openS3Rig,
  openStoreOn,
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

  for (const [name, nextOf] of [
    ["the same page again and again", (page: number) => `token-${page}`],
    ["two pages in turn", (page: number) => `token-${page % 2}`],
    ["empty pages without end", (page: number) => `token-${page}`],
  ] as const) {
    test(`${name} are an error, not a listing without end`, async () => {
      let pages = 0;
      const entries = {
        "the same page again and again": "a/same",
        "two pages in turn": "a/new",
        "empty pages without end": "",
      };
      const entry = (tag: string): string => {
        if (entries[name] === "") return "";
        const key = entries[name] === "a/same" ? "a/same" : `a/${pages}`;
        return `<${tag}><Key>${key}</Key><UploadId>u</UploadId><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></${tag}>`;
      };
      using server = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch(request) {
          const next = nextOf(++pages);
          if (pages > 5000) return new Response("", { status: 400 });
          const isUploads = new URL(request.url).searchParams.has("uploads");
          return new Response(
            isUploads
              ? `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>${next}</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>${entry("Upload")}</ListMultipartUploadsResult>`
              : `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>${entry("Contents")}</ListBucketResult>`,
            { headers: { "content-type": "application/xml" } },
          );
        },
      });
      const fake = { endpoint: server.url.origin, bucket: "b", credentials: { accessKey: "k", secretKey: "s" } };
      await using store = openStoreOn(fake as unknown as S3Rig["server"]);
      const endless = { code: "storage_failed", message: expect.stringContaining("does not come to an end") };
      await expect(listed(store)).rejects.toMatchObject(endless);
      await expect(store.listDebris(signal)).rejects.toMatchObject(endless);
      expect(pages).toBeLessThan(5000);
    }, 30_000);
  }

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

  test("a small object that does not come whole ends by the time limit of its own size, again and again", async () => {
    await using rig = await openS3Rig({
      policy: { attempts: 5, timeoutMs: 200, slowestBytesPerSecond: 256 * 1024 },
    });
    await write(rig.store, sampleBytes(1000, 1));
    rig.server.setFaults([{ on: "GetObject", times: always, do: "lie-size", bytes: 5 }]);
    const startedAt = performance.now();
    await expect(read(rig.store)).rejects.toBeInstanceOf(AppError);
    expect(rig.server.countOf("GetObject")).toBe(5);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  }, 120_000);

  test("and a stalled answer ends by its time limit", async () => {
    await using rig = await withObject();
    const store = openStoreOn(rig.server, {}, { timeoutMs: 200, slowestBytesPerSecond: 20 * MiB });
    rig.server.setFaults([{ on: "GetObject", skip: 1, do: "stall", ms: 60_000 }]);
    expect(Buffer.compare(await read(store), bytes)).toBe(0);
  });
});

describe("replacing on S3", () => {
  const [old, bytes] = [sampleBytes(1500, 31), sampleBytes(2000, 32)];

  test("succeeds when the answer was lost and the object is the new one", async () => {
    await using rig = await openS3Rig();
    for (const misdeed of [{ do: "done-but-reset" }, { do: "done-but-error", status: 500 }] as const) {
      await rig.store.replace(key, old, { signal });
      rig.server.setFaults([{ on: "PutObject", ...misdeed }]);
      await rig.store.replace(key, bytes, { signal });
      expect(Buffer.compare(await read(rig.store), bytes)).toBe(0);
    }
  });

  test("that the store refuses leaves the old object", async () => {
    await using rig = await openS3Rig();
    await rig.store.replace(key, old, { signal });
    rig.server.setFaults([{ on: "PutObject", times: always, do: "error", status: 507, code: "InsufficientStorage" }]);
    await expect(rig.store.replace(key, bytes, { signal })).rejects.toBeInstanceOf(AppError);
    expect(Buffer.compare(await read(rig.store), old)).toBe(0);
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
