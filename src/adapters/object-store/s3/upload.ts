// One multipart upload: begin, send parts, complete for certain, or leave nothing.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  UploadPartCommand,
  type CompletedPart,
} from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo } from "../../../ports/object-store.ts";
import type { S3Connection } from "./connection.ts";
import { failureOf, isCode, isUnclear } from "./errors.ts";
import { withFeatures } from "./features.ts";
import { findObject, requireWritten } from "./find-object.ts";
import { listUploads } from "./list-uploads.ts";
import { crc32Of, objectHeaders, requireSameBody, taggingOf } from "./put-object.ts";

export interface Upload {
  readonly key: string;
  readonly id: string;
  /** The store keeps a CRC32 of each part. */
  readonly checksums: boolean;
  /** The beginning was tried more than once: another upload of this key may exist. */
  readonly repeated: boolean;
}

export async function beginUpload(
  connection: S3Connection,
  key: string,
  tags: Readonly<Record<string, string>> | undefined,
  signal: AbortSignal,
): Promise<Upload> {
  const { client, bucket, features, context, attempts } = connection;
  const tagging = taggingOf(connection, tags);
  const wanted = { tags: tagging !== undefined, crc32: true, condition: false };
  let tries = 0;
  const answer = await withFeatures(features, wanted, context, (used) =>
    attempts({ what: `beginning to write ${key}`, signal }, (abortSignal) => {
      tries += 1;
      const command = new CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        ContentType: "application/octet-stream",
        ...objectHeaders(connection),
        ...(used.tags ? { Tagging: tagging } : {}),
        ...(used.crc32 ? { ChecksumAlgorithm: "CRC32" } : {}),
      });
      return client.send(command, { abortSignal });
    }),
  );
  const { UploadId: id, ChecksumAlgorithm: algorithm } = answer;
  if (id === undefined) throw new AppError("storage_failed", `${connection.location} gave no upload id for ${key}`);
  return { key, id, checksums: algorithm === "CRC32", repeated: tries > 1 };
}

export async function sendPart(
  connection: S3Connection,
  upload: Upload,
  number: number,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<CompletedPart> {
  const { client, bucket, attempts } = connection;
  const checksum = upload.checksums ? crc32Of(body) : undefined;
  const task = { what: `writing part ${number} of ${upload.key}`, bytes: body.length, signal };
  return attempts(task, async (abortSignal) => {
    const command = new UploadPartCommand({
      Bucket: bucket,
      Key: connection.fullKey(upload.key),
      UploadId: upload.id,
      PartNumber: number,
      Body: body,
      ContentLength: body.length,
      ...(checksum === undefined ? {} : { ChecksumCRC32: checksum }),
    });
    const answer = await client.send(command, { abortSignal });
    requireSameBody(connection, { key: upload.key, body, checksum, ...answer });
    if (answer.ETag === undefined) {
      throw new AppError(
        "storage_failed",
        `${connection.location} gave no entity tag for part ${number} of ${upload.key}`,
      );
    }
    return { PartNumber: number, ETag: answer.ETag, ...(checksum === undefined ? {} : { ChecksumCRC32: checksum }) };
  });
}

/** The answer to a completion may be lost, or be an error that comes after the deed: then the object itself decides. */
export async function completeUpload(
  connection: S3Connection,
  upload: Upload,
  parts: readonly CompletedPart[],
  sizeBytes: number,
  signal: AbortSignal,
): Promise<ObjectInfo> {
  const { client, bucket, attempts } = connection;
  const { key, id } = upload;
  let unclear = false;
  // Stores join parts while we wait; AWS promises minutes for the largest.
  const task = { what: `completing ${key}`, bytes: Math.min(sizeBytes / 100, 32 * 1024 * 1024), signal };
  const found = await attempts(task, async (abortSignal) => {
    try {
      const command = new CompleteMultipartUploadCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        UploadId: id,
        MultipartUpload: { Parts: [...parts] },
      });
      await client.send(command, { abortSignal });
      return undefined;
    } catch (error) {
      unclear ||= isUnclear(error);
      if (!unclear || signal.aborted) throw error;
      const info = await findObject(connection, key, signal);
      if (info?.sizeBytes === sizeBytes) return info;
      throw error;
    }
  });
  return found ?? (await requireWritten(connection, key, sizeBytes, signal));
}

/** Resolves with false when something may be left; never throws. */
export async function removeUpload(connection: S3Connection, upload: Upload, signal: AbortSignal): Promise<boolean> {
  const ids = new Set([upload.id]);
  try {
    if (upload.repeated) {
      for (const other of await listUploads(connection, upload.key, signal)) {
        if (other.key === upload.key) ids.add(other.id);
      }
    }
    for (const id of ids) await abortUpload(connection, upload.key, id, signal);
    return true;
  } catch (error) {
    const { code } = failureOf(error);
    connection.context.log("warn", `an unfinished upload of ${upload.key} is left in ${connection.location}: ${code}`);
    return false;
  }
}

export async function abortUpload(
  connection: S3Connection,
  key: string,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const { client, bucket, fullKey, attempts } = connection;
  try {
    await attempts({ what: `removing the upload of ${key}`, signal }, (abortSignal) => {
      const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: fullKey(key), UploadId: id });
      return client.send(command, { abortSignal });
    });
  } catch (error) {
    if (!isCode(error, "NoSuchUpload", "NoSuchKey", "NotFound")) throw error;
  }
}

export async function deleteObject(connection: S3Connection, key: string, signal: AbortSignal): Promise<void> {
  const { client, bucket, fullKey, attempts } = connection;
  await attempts({ what: `deleting ${key}`, signal }, (abortSignal) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: fullKey(key) }), { abortSignal }),
  );
}
