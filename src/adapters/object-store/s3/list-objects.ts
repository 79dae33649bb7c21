import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo } from "../../../ports/object-store.ts";
import type { S3Connection } from "./connection.ts";
import { watchPages } from "./require-progress.ts";

/** A space comes as `+` or `%20`; a plus sign always as `%2B`. */
export function decodeKey(text: string, encoded: boolean): string {
  return encoded ? decodeURIComponent(text.replaceAll("+", " ")) : text;
}

export async function* listObjects(
  connection: S3Connection,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo> {
  const { client, bucket, attempts, location } = connection;
  const watch = watchPages(`the listing of ${prefix === "" ? location : `${prefix} in ${location}`}`);
  let token: string | undefined;
  for (;;) {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: connection.fullKey(prefix),
      EncodingType: "url",
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const page = await attempts({ what: `listing ${prefix}`, signal }, (abortSignal) =>
      client.send(command, { abortSignal }),
    );
    const encoded = page.EncodingType === "url";
    for (const { Key, Size: sizeBytes, LastModified } of page.Contents ?? []) {
      if (Key === undefined || sizeBytes === undefined) {
        throw new AppError("storage_failed", `${location} listed an object without its name or size`);
      }
      const key = connection.ownKey(decodeKey(Key, encoded));
      if (key !== undefined) yield { key, sizeBytes, modifiedAt: LastModified?.getTime() ?? Date.now() };
    }
    if (page.IsTruncated !== true) return;
    const next = page.NextContinuationToken;
    if (next === undefined) {
      throw new AppError("storage_failed", `${location} cut the listing of ${prefix} short`, { retryable: true });
    }
    watch.turn(page.Contents?.[0]?.Key, next);
    token = next;
  }
}
