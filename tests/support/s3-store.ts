// A store of ours on an S3 server of ours, impatient enough for tests.

import { openS3Store } from "../../src/adapters/object-store/s3/index.ts";
import { S3StoreConfig } from "../../src/adapters/object-store/s3/config.ts";
import type { AttemptPolicy } from "../../src/adapters/object-store/s3/attempts.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startS3Server, type S3Server, type S3ServerOptions } from "./s3-server.ts";

export const impatient: AttemptPolicy = {
  attempts: 4,
  pauseMs: 5,
  maxPauseMs: 50,
  timeoutMs: 5_000,
  slowestBytesPerSecond: 4 * 1024 * 1024,
};

export interface S3Rig extends AsyncDisposable {
  readonly server: S3Server;
  readonly store: ObjectStore;
  readonly logs: string[];
}

export function openStoreOn(
  server: S3Server,
  settings: Partial<S3StoreConfig> = {},
  policy: Partial<AttemptPolicy> = {},
  logs: string[] = [],
): ObjectStore {
  const config = S3StoreConfig.parse({
    endpoint: server.endpoint,
    bucket: server.bucket,
    access_key: server.credentials.accessKey,
    secret_key: server.credentials.secretKey,
    ...settings,
  });
  return openS3Store(config, { log: (_, message) => logs.push(message) }, { ...impatient, ...policy });
}

export async function openS3Rig(
  options: S3ServerOptions & { settings?: Partial<S3StoreConfig>; policy?: Partial<AttemptPolicy> } = {},
): Promise<S3Rig> {
  const server = await startS3Server(options);
  const logs: string[] = [];
  const store = openStoreOn(server, options.settings, options.policy, logs);
  return {
    server,
    store,
    logs,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The object that fault tests write and read. */
export const sampleKey = "shop/2026/11/dump.zst.enc";
export const MiB = 1024 * 1024;
export const always = Number.POSITIVE_INFINITY;
export const never = new AbortController().signal;

export async function write(store: ObjectStore, bytes: Uint8Array, signal: AbortSignal = never): Promise<void> {
  await using writer = await store.openWriter(sampleKey, { signal });
  for (let at = 0; at < bytes.length; at += MiB) await writer.write(bytes.subarray(at, at + MiB));
  await writer.close();
}

export async function read(store: ObjectStore, offset = 0): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(sampleKey, { signal: never, offset })));
}

export async function listed(store: ObjectStore): Promise<string[]> {
  return (await Array.fromAsync(store.list("", never))).map((info) => info.key);
}
