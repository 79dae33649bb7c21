// The S3 store without a server, without the right to be there, and what its objects carry.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { needs } from "../support/requirement.ts";
import { describe, expect, test } from "bun:test";
import { sampleBytes } from "../../src/ports/object-store-checks/check.ts";
import {
  openS3Rig,
  openStoreOn,
  always,
  listed,
  MiB,
  read,
  write,
  never as signal,
  sampleKey as key,
} from "../support/s3-store.ts";

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

  test("a refusal without a word is told by its status", async () => {
    await using rig = await openS3Rig();
    rig.server.setFaults([{ on: "HeadObject", times: always, do: "error", status: 403, code: "AccessDenied" }]);
    const told = `looking for ${key} in ${rig.store.location} failed: HTTP 403`;
    await expect(rig.store.find(key, signal)).rejects.toMatchObject({ code: "storage_auth_failed", message: told });
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
