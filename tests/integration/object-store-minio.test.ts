// The S3 store on MinIO, which is a real server that somebody else wrote. Setup builds it only where Go is present;
// elsewhere the same tests run on our own server.

import { expect, test } from "bun:test";
import { open } from "../../src/adapters/object-store/s3/index.ts";
import { S3StoreConfig } from "../../src/adapters/object-store/s3/config.ts";
import { describeObjectStoreContract } from "../../src/ports/object-store.contract.ts";
import { startMinio, type MinioServer } from "../support/minio-server.ts";
import { startS3Server } from "../support/s3-server.ts";
import { findTool } from "../support/tools.ts";

const serverName = findTool("minio") === undefined ? "our own server in place of MinIO" : "MinIO";

async function startServer(): Promise<MinioServer> {
  if (serverName === "MinIO") return startMinio();
  const server = await startS3Server({ behaviour: { exactUploadPrefix: true } });
  const { endpoint, bucket, credentials } = server;
  return { endpoint, bucket, ...credentials, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function storeOn(server: MinioServer, settings: Partial<S3StoreConfig> = {}) {
  const config = S3StoreConfig.parse({
    endpoint: server.endpoint,
    bucket: server.bucket,
    access_key: server.accessKey,
    secret_key: server.secretKey,
    prefix: "some/prefix",
    tags: { team: "db" },
    ...settings,
  });
  return open(config, { log() {} });
}

describeObjectStoreContract(`s3 on ${serverName}`, async () => {
  const server = await startServer();
  return { store: storeOn(server), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
});

test(`refusals of ${serverName} are named`, async () => {
  await using server = await startServer();
  const signal = AbortSignal.timeout(20_000);
  await expect(storeOn(server, { secret_key: "wrong" }).probe(signal)).rejects.toMatchObject({
    code: "storage_auth_failed",
  });
  await expect(storeOn(server, { access_key: "nobody" }).probe(signal)).rejects.toMatchObject({
    code: "storage_auth_failed",
  });
  await expect(storeOn(server, { bucket: "absent" }).probe(signal)).rejects.toMatchObject({ code: "storage_failed" });
  await using store = storeOn(server);
  await store.probe(signal);
  expect(store.capabilities).toEqual({ conditionalCreate: true, atomicReplace: true, tags: true, freeSpace: false });
}, 60_000);
