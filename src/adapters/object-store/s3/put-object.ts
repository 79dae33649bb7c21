// Writes a whole body in one request, and proves that the store got what was sent.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { PutObjectCommand, type PutObjectCommandInput, type StorageClass } from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { S3Connection } from "./connection.ts";
import { withFeatures } from "./features.ts";

export interface PutRequest {
  readonly key: string;
  readonly body: Uint8Array;
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** Refuse to replace an object. */
  readonly createOnly: boolean;
  readonly signal: AbortSignal;
  /** Called before each request. */
  onAttempt?(): void;
}

export function crc32Of(body: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString("base64");
}

/** Headers that every new object gets. */
export function objectHeaders({ config }: S3Connection): Partial<PutObjectCommandInput> {
  const { storage_class: storageClass, sse, sse_kms_key_id: keyId } = config;
  return {
    // Stores other than AWS have classes that the SDK does not know.
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as StorageClass }),
    ...(sse === undefined ? {} : { ServerSideEncryption: sse }),
    ...(sse === "aws:kms" && keyId !== undefined ? { SSEKMSKeyId: keyId } : {}),
  };
}

/** The configured tags and those of this object, which win; undefined when there are none. */
export function taggingOf({ config }: S3Connection, tags: Readonly<Record<string, string>> = {}): string | undefined {
  const all = Object.entries({ ...config.tags, ...tags }).slice(0, 10);
  if (all.length === 0) return undefined;
  return new URLSearchParams(all.map(([name, value]): [string, string] => [name, tagValue(value)])).toString();
}

/** A store refuses signs beyond letters, digits, spaces and `_.:/=+-@`. */
function tagValue(value: string): string {
  return value.replace(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, "_").slice(0, 256);
}

export async function putObject(connection: S3Connection, request: PutRequest): Promise<void> {
  const { client, bucket, features, context, attempts } = connection;
  const { key, body, createOnly, signal } = request;
  const tagging = taggingOf(connection, request.tags);
  const wanted = { tags: tagging !== undefined, crc32: true, condition: createOnly };
  const task = { what: `writing ${key}`, bytes: body.length, signal };
  await withFeatures(features, wanted, context, (used) =>
    attempts(task, async (abortSignal) => {
      request.onAttempt?.();
      const checksum = used.crc32 ? crc32Of(body) : undefined;
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        Body: body,
        ContentLength: body.length,
        ContentType: "application/octet-stream",
        ...objectHeaders(connection),
        ...(used.tags ? { Tagging: tagging } : {}),
        ...(used.condition ? { IfNoneMatch: "*" } : {}),
        ...(checksum === undefined ? {} : { ChecksumCRC32: checksum }),
      });
      const answer = await client.send(command, { abortSignal });
      requireSameBody(connection, { key, body, checksum, ...answer });
    }),
  );
}

interface BodyAnswer {
  readonly key: string;
  readonly body: Uint8Array;
  readonly checksum: string | undefined;
  readonly ETag?: string | undefined;
  readonly ChecksumCRC32?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
}

/** By the store's CRC32 where it tells one, else by its entity tag where that was seen to be the body's MD5. */
export function requireSameBody(connection: S3Connection, answer: BodyAnswer): void {
  const { features } = connection;
  const { key, body, checksum, ChecksumCRC32: told } = answer;
  if (checksum !== undefined && told !== undefined) {
    if (checksum !== told) throw changedOnTheWay(connection, key);
    return;
  }
  const tag = (answer.ETag ?? "").replaceAll('"', "");
  if (features.md5Tags === "opaque" || !/^[0-9a-f]{32}$/.test(tag)) return;
  if (answer.ServerSideEncryption?.startsWith("aws:kms")) return;
  const same = createHash("md5").update(body).digest("hex") === tag;
  if (!same && features.md5Tags === "seen") throw changedOnTheWay(connection, key);
  features.md5Tags = same ? "seen" : "opaque";
}

function changedOnTheWay({ location }: S3Connection, key: string): AppError {
  return new AppError("storage_failed", `${location} stored other bytes of ${key} than were sent`, { retryable: true });
}
