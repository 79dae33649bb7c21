// One client and what all operations share: where keys live, what is learnt of the store, how often a request is tried.

import { S3Client } from "@aws-sdk/client-s3";
import type { ObjectStoreContext } from "../../../ports/object-store.ts";
import { isObjectKey } from "../object-key.ts";
import { openAttempts, type AttemptPolicy, type Attempts } from "./attempts.ts";
import type { S3StoreConfig } from "./config.ts";
import { translateS3Error } from "./errors.ts";
import type { Features } from "./features.ts";
import { openFetchHandler } from "./fetch-handler.ts";

export interface S3Connection {
  readonly client: S3Client;
  readonly config: S3StoreConfig;
  readonly context: ObjectStoreContext;
  readonly features: Features;
  readonly attempts: Attempts;
  readonly bucket: string;
  /** `s3://bucket/prefix` */
  readonly location: string;
  /** The storage's own prefix with a slash at its end, or nothing. */
  readonly prefix: string;
  fullKey(key: string): string;
  /** Our key for the store's; undefined for one that is not ours. */
  ownKey(fullKey: string): string | undefined;
  /** An error of ours for any of the store's; the signal's reason stays itself. */
  fail(error: unknown, what: string, signal: AbortSignal): unknown;
}

export function openConnection(
  config: S3StoreConfig,
  context: ObjectStoreContext,
  policy: AttemptPolicy,
): S3Connection {
  const path = (config.prefix ?? "").replace(/^\/+|\/+$/g, "");
  const prefix = path === "" ? "" : `${path}/`;
  const location = `s3://${config.bucket}${path === "" ? "" : `/${path}`}`;
  const { access_key: accessKeyId, secret_key: secretAccessKey, session_token: sessionToken } = config;
  const client = new S3Client({
    region: config.region ?? "us-east-1",
    forcePathStyle: config.force_path_style ?? config.endpoint !== undefined,
    requestHandler: openFetchHandler(),
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
  });
  return {
    client,
    config,
    context,
    features: { tags: true, crc32: true, conditions: "asked", md5Tags: "unknown" },
    attempts: openAttempts(policy, context),
    bucket: config.bucket,
    location,
    prefix,
    fullKey: (key) => prefix + key,
    ownKey(fullKey) {
      const key = fullKey.startsWith(prefix) ? fullKey.slice(prefix.length) : "";
      return isObjectKey(key) ? key : undefined;
    },
    fail: (error, what, signal) => (signal.aborted ? signal.reason : translateS3Error(error, what, location)),
  };
}
