import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo } from "../../../ports/object-store.ts";
import { pause } from "./attempts.ts";
import type { S3Connection } from "./connection.ts";
import { isMissing } from "./errors.ts";

export async function findObject(
  connection: S3Connection,
  key: string,
  signal: AbortSignal,
): Promise<ObjectInfo | undefined> {
  const { client, bucket, fullKey, attempts } = connection;
  try {
    const head = await attempts({ what: `looking for ${key}`, signal }, (abortSignal) =>
      client.send(new HeadObjectCommand({ Bucket: bucket, Key: fullKey(key) }), { abortSignal }),
    );
    const { ContentLength: sizeBytes, LastModified: modifiedAt } = head;
    if (sizeBytes === undefined) {
      throw new AppError("storage_failed", `${connection.location} did not tell the size of ${key}`);
    }
    return { key, sizeBytes, modifiedAt: modifiedAt?.getTime() ?? Date.now() };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw connection.fail(error, `looking for ${key}`, signal);
  }
}

/** Looks at what was written. A store that is slow to show it gets a moment. */
export async function requireWritten(
  connection: S3Connection,
  key: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<ObjectInfo> {
  for (const waitMs of [100, 400, 1500, 0]) {
    const info = await findObject(connection, key, signal);
    if (info?.sizeBytes === sizeBytes) return info;
    if (info !== undefined) {
      const message = `${key} has ${info.sizeBytes} bytes in ${connection.location}, but ${sizeBytes} were written`;
      throw new AppError("storage_failed", message);
    }
    if (waitMs > 0) await pause(waitMs, signal);
  }
  throw new AppError("storage_failed", `${key} is not in ${connection.location} after it was written`);
}
