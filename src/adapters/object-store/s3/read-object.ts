// Reads in ranges, each proven whole before it is handed on, and a few ahead of the reader. A response that breaks off is
// asked for again; memory stays at a few ranges however slow the reader is (the runtime's fetch does not hold back).

import { GetObjectCommand } from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { S3Connection } from "./connection.ts";
import { failureOf, isCode, isMissing } from "./errors.ts";
import { findObject } from "./find-object.ts";

export const rangeBytes = 4 * 1024 * 1024;
const rangesAhead = 2;

interface Range {
  readonly chunks: readonly Uint8Array[];
  readonly totalBytes: number;
  readonly etag: string | undefined;
}

export async function* readObject(
  connection: S3Connection,
  key: string,
  offset: number,
  signal: AbortSignal,
): ByteStream {
  const { location } = connection;
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  const fail = (error: unknown): unknown => {
    if (isMissing(error)) return new AppError("object_not_found", `${key} is not in ${location}`, { cause: error });
    if (isCode(error, "PreconditionFailed") || failureOf(error).status === 412) {
      return new AppError("storage_failed", `${key} in ${location} was changed while it was read`, { cause: error });
    }
    return connection.fail(error, `reading ${key}`, signal);
  };
  try {
    const first = await readRange(connection, key, offset, undefined, inner);
    if (first === undefined) {
      await requireEnd(connection, key, offset, signal);
      return;
    }
    const { totalBytes, etag } = first;
    const ahead: Promise<Range | undefined>[] = [];
    let asked = offset + sizeOf(first);
    let range: Range | undefined = first;
    let delivered = offset;
    while (range !== undefined) {
      while (asked < totalBytes && ahead.length < rangesAhead) {
        const next = readRange(connection, key, asked, { totalBytes, etag }, inner);
        next.catch(() => {}); // Seen when its turn comes.
        ahead.push(next);
        asked = Math.min(totalBytes, asked + rangeBytes);
      }
      for (const chunk of range.chunks) {
        signal.throwIfAborted();
        delivered += chunk.length;
        yield chunk;
      }
      range = await ahead.shift();
    }
    signal.throwIfAborted();
    if (delivered !== totalBytes) {
      throw new AppError("storage_failed", `${key} in ${location} ended at byte ${delivered} of ${totalBytes}`);
    }
  } catch (error) {
    throw fail(error);
  } finally {
    stop.abort(new AppError("cancelled", `reading ${key} was stopped`));
  }
}

/** Undefined when the object has no byte at `from`. */
async function readRange(
  connection: S3Connection,
  key: string,
  from: number,
  known: Pick<Range, "totalBytes" | "etag"> | undefined,
  signal: AbortSignal,
): Promise<Range | undefined> {
  const { client, bucket, attempts } = connection;
  const to = Math.min(known?.totalBytes ?? Number.POSITIVE_INFINITY, from + rangeBytes);
  const task = { what: `reading ${key} from byte ${from}`, bytes: rangeBytes, signal };
  return attempts(task, async (abortSignal, onLength) => {
    try {
      const command = new GetObjectCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        Range: `bytes=${from}-${to - 1}`,
        ...(known?.etag === undefined ? {} : { IfMatch: known.etag }),
      });
      const answer = await client.send(command, { abortSignal });
      const total = totalOf(answer.ContentRange, answer.ContentLength, from);
      if (total === undefined || (known !== undefined && total !== known.totalBytes)) {
        throw brokenRange(connection, key, from);
      }
      const wanted = Math.min(to, total) - from;
      onLength(wanted);
      const chunks = await collect(answer.Body as AsyncIterable<Uint8Array>, wanted);
      if (chunks === undefined) throw brokenRange(connection, key, from);
      return { chunks, totalBytes: total, etag: answer.ETag };
    } catch (error) {
      if (isCode(error, "InvalidRange") || failureOf(error).status === 416) return undefined;
      throw error;
    }
  });
}

/** The object's size, when the answer is the range that was asked for (or the whole, asked for from its beginning). */
function totalOf(
  contentRange: string | undefined,
  contentLength: number | undefined,
  from: number,
): number | undefined {
  if (contentRange === undefined) return from === 0 ? contentLength : undefined;
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange);
  return match !== null && Number(match[1]) === from ? Number(match[3]) : undefined;
}

/** Exactly `wanted` bytes, undefined when there are fewer. A store that ignores ranges sends more: the rest is left. */
async function collect(body: AsyncIterable<Uint8Array>, wanted: number): Promise<Uint8Array[] | undefined> {
  const chunks: Uint8Array[] = [];
  let left = wanted;
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    chunks.push(chunk.length > left ? chunk.subarray(0, left) : chunk);
    left -= chunk.length;
    if (left < 0) break;
  }
  return left > 0 ? undefined : chunks;
}

function brokenRange({ location }: S3Connection, key: string, from: number): AppError {
  const message = `${location} sent something else than was asked for of ${key} from byte ${from}`;
  return new AppError("storage_failed", message, { retryable: true });
}

async function requireEnd(connection: S3Connection, key: string, offset: number, signal: AbortSignal): Promise<void> {
  const info = await findObject(connection, key, signal);
  const { location } = connection;
  if (info === undefined) throw new AppError("object_not_found", `${key} is not in ${location}`);
  if (info.sizeBytes !== offset) throw new AppError("storage_failed", `${key} in ${location} has no byte ${offset}`);
}

function sizeOf(range: Range): number {
  return range.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
