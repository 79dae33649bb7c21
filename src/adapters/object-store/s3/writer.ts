// One object on its way to S3: gathered into parts, which are kept in memory until the store has them. What fits into
// one part goes in a single request. A buffer is filled again only after its part was answered.

import type { CompletedPart } from "@aws-sdk/client-s3";
import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo, ObjectWriter, WriteOptions } from "../../../ports/object-store.ts";
import type { S3Connection } from "./connection.ts";
import { failureOf } from "./errors.ts";
import { findObject, requireWritten } from "./find-object.ts";
import { maxParts, partSize, partsInFlight } from "./part-size.ts";
import { putObject } from "./put-object.ts";
import { beginUpload, completeUpload, deleteObject, removeUpload, sendPart, type Upload } from "./upload.ts";

/** Cleaning up has its own time, for it also follows a cancelled run. */
const cleanUpMs = 60_000;

export function openS3Writer(connection: S3Connection, key: string, options: WriteOptions): ObjectWriter {
  const { signal, expectedBytes = 0, tags } = options;
  signal.throwIfAborted();
  const stop = new AbortController();
  const sending = AbortSignal.any([signal, stop.signal]);
  const inFlight = new Set<Promise<void>>();
  const free: Buffer[] = [];
  const parts: CompletedPart[] = [];
  let upload: Upload | undefined;
  let number = 1;
  let buffer: Buffer | undefined;
  let filledBytes = 0;
  let sizeBytes = 0;
  let failure: { readonly error: unknown } | undefined;
  let mayBeVisible = false;
  let state: "open" | "closed" | "aborted" = "open";

  const fail = (error: unknown): unknown => connection.fail(error, `writing ${key}`, signal);
  const requireOpen = (): void => {
    signal.throwIfAborted();
    if (state !== "open") throw new AppError("storage_failed", `the writer of ${key} is ${state}, not open`);
    if (failure !== undefined) throw fail(failure.error);
  };

  function takeBuffer(): Buffer {
    const size = partSize(number, expectedBytes);
    const spare = free.pop();
    return spare !== undefined && spare.length >= size ? spare : Buffer.allocUnsafeSlow(size);
  }

  /** Resolves when the part is on its way and there is room for the next one. */
  async function startPart(): Promise<void> {
    const full = buffer!;
    const body = full.subarray(0, filledBytes);
    buffer = undefined;
    filledBytes = 0;
    upload ??= await beginUpload(connection, key, tags, sending);
    const partNumber = number++;
    if (partNumber > maxParts) throw new AppError("storage_failed", `${key} is larger than an object can be`);
    const sent = sendPart(connection, upload, partNumber, body, sending)
      .then((part) => {
        parts[partNumber - 1] = part;
        free.push(full);
      })
      .catch((error: unknown) => {
        failure ??= { error };
        stop.abort(error); // The other parts are of no use any more.
      })
      .finally(() => inFlight.delete(sent));
    inFlight.add(sent);
    while (inFlight.size >= partsInFlight(body.length)) await Promise.race(inFlight);
  }

  async function write(chunk: Uint8Array): Promise<void> {
    requireOpen();
    try {
      for (let at = 0; at < chunk.length;) {
        buffer ??= takeBuffer();
        const size = partSize(number, expectedBytes);
        const length = Math.min(chunk.length - at, size - filledBytes);
        buffer.set(chunk.subarray(at, at + length), filledBytes);
        filledBytes += length;
        sizeBytes += length;
        at += length;
        if (filledBytes === size) await startPart();
      }
    } catch (error) {
      failure ??= { error }; // Bytes are lost: never again a whole object.
      throw fail(failure.error);
    }
    requireOpen();
  }

  async function close(): Promise<ObjectInfo> {
    requireOpen();
    try {
      const info = upload === undefined ? await putWhole() : await complete();
      state = "closed";
      if (upload?.repeated) await removeUpload(connection, upload, AbortSignal.timeout(cleanUpMs));
      return info;
    } catch (error) {
      await abort();
      throw fail(error);
    } finally {
      buffer = undefined;
      free.length = 0;
    }
  }

  async function putWhole(): Promise<ObjectInfo> {
    const body = buffer?.subarray(0, filledBytes) ?? new Uint8Array();
    mayBeVisible = true;
    await putObject(connection, { key, body, tags, createOnly: false, signal });
    return requireWritten(connection, key, sizeBytes, signal);
  }

  async function complete(): Promise<ObjectInfo> {
    if (filledBytes > 0) await startPart();
    await Promise.all(inFlight);
    requireOpen();
    mayBeVisible = true;
    return completeUpload(connection, upload!, parts, sizeBytes, signal);
  }

  async function abort(): Promise<void> {
    if (state !== "open") return;
    state = "aborted";
    stop.abort(new AppError("cancelled", `writing ${key} was aborted`));
    await Promise.all(inFlight);
    buffer = undefined;
    free.length = 0;
    const cleaning = AbortSignal.timeout(cleanUpMs);
    if (upload !== undefined) await removeUpload(connection, upload, cleaning);
    if (mayBeVisible) await removeObject(cleaning);
  }

  /** A write whose end was unclear may have come through after all; nobody else writes under this key. */
  async function removeObject(cleaning: AbortSignal): Promise<void> {
    try {
      if ((await findObject(connection, key, cleaning)) !== undefined) await deleteObject(connection, key, cleaning);
    } catch (error) {
      const { code } = failureOf(error);
      connection.context.log("warn", `${key} may be left in ${connection.location} after a failed write: ${code}`);
    }
  }

  return { write, close, abort, [Symbol.asyncDispose]: abort };
}
