import { ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { Debris } from "../../../ports/object-store.ts";
import type { S3Connection } from "./connection.ts";
import { failureOf } from "./errors.ts";
import { decodeKey } from "./list-objects.ts";
import { watchPages } from "./require-progress.ts";

/** Unfinished uploads of ours whose key begins with `prefix`. */
export async function listUploads(connection: S3Connection, prefix: string, signal: AbortSignal): Promise<Debris[]> {
  const narrow = connection.fullKey(prefix);
  const found = await listAll(connection, narrow, signal);
  if (found.length > 0 || narrow === "") return found;
  // Some stores (MinIO) match whole keys only, and tell of uploads below a prefix only when asked for all of them.
  try {
    return (await listAll(connection, "", signal)).filter(({ key }) => key.startsWith(prefix));
  } catch (error) {
    if (failureOf(error).status === 403) return found; // Allowed to see no more than our own prefix.
    throw error;
  }
}

async function listAll(connection: S3Connection, fullPrefix: string, signal: AbortSignal): Promise<Debris[]> {
  const { client, bucket, attempts } = connection;
  const found: Debris[] = [];
  const watch = watchPages(`the list of unfinished uploads in ${connection.location}`);
  let keyMarker: string | undefined;
  let idMarker: string | undefined;
  for (;;) {
    const command = new ListMultipartUploadsCommand({
      Bucket: bucket,
      Prefix: fullPrefix,
      EncodingType: "url",
      ...(keyMarker === undefined ? {} : { KeyMarker: keyMarker }),
      ...(idMarker === undefined ? {} : { UploadIdMarker: idMarker }),
    });
    const task = { what: "looking for unfinished uploads", signal };
    const page = await attempts(task, (abortSignal) => client.send(command, { abortSignal }));
    const encoded = page.EncodingType === "url";
    for (const { Key, UploadId: id, Initiated } of page.Uploads ?? []) {
      const key = Key === undefined ? undefined : connection.ownKey(decodeKey(Key, encoded));
      if (key === undefined || id === undefined) continue;
      found.push({ id, key, sizeBytes: null, startedAt: Initiated?.getTime() ?? Date.now() });
    }
    if (page.IsTruncated !== true) return found;
    const next = page.NextKeyMarker === undefined ? undefined : decodeKey(page.NextKeyMarker, encoded);
    if (next === undefined) {
      throw new AppError("storage_failed", `${connection.location} cut its list of unfinished uploads short`);
    }
    const first = page.Uploads?.[0];
    watch.turn(first && `${first.Key} ${first.UploadId}`, `${next} ${page.NextUploadIdMarker ?? ""}`);
    keyMarker = next;
    idMarker = page.NextUploadIdMarker;
  }
}
