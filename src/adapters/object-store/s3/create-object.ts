// Small objects in one request: made and never replaced, where the store refuses or, if that is not known, we look first;
// or put in the place of an older one.

import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo, WriteOptions } from "../../../ports/object-store.ts";
import type { S3Connection } from "./connection.ts";
import { failureOf, isCode, isUnclear } from "./errors.ts";
import { findObject } from "./find-object.ts";
import { putObject } from "./put-object.ts";
import { readObject } from "./read-object.ts";

export function isRefusedCondition(error: unknown): boolean {
  return isCode(error, "PreconditionFailed") || failureOf(error).status === 412;
}

export async function createObject(
  connection: S3Connection,
  key: string,
  bytes: Uint8Array,
  { signal, tags }: WriteOptions,
): Promise<ObjectInfo> {
  const { features, location } = connection;
  const exists = (): AppError => new AppError("object_exists", `${key} exists in ${location} already`);
  signal.throwIfAborted();
  if (features.conditions !== "honoured" && (await findObject(connection, key, signal)) !== undefined) throw exists();
  let tries = 0;
  const onAttempt = (): void => void (tries += 1);
  try {
    await putObject(connection, { key, body: bytes, tags, createOnly: true, signal, onAttempt });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const refused = isRefusedCondition(error);
    if (refused) features.conditions = "honoured";
    // An earlier request whose answer was lost may be what is in the way now: then the bytes there are ours.
    const unclear = refused ? tries > 1 : isUnclear(error);
    if (!unclear || !(await holds(connection, key, bytes, signal))) {
      throw refused ? exists() : connection.fail(error, `creating ${key}`, signal);
    }
  }
  return { key, sizeBytes: bytes.length, modifiedAt: Date.now() };
}

/** One request of the store's own: the last one whole wins. */
export async function replaceObject(
  connection: S3Connection,
  key: string,
  bytes: Uint8Array,
  { signal, tags }: WriteOptions,
): Promise<ObjectInfo> {
  signal.throwIfAborted();
  try {
    await putObject(connection, { key, body: bytes, tags, createOnly: false, signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // An answer that was lost is no failure when the bytes are there.
    if (!isUnclear(error) || !(await holds(connection, key, bytes, signal))) {
      throw connection.fail(error, `replacing ${key}`, signal);
    }
  }
  return { key, sizeBytes: bytes.length, modifiedAt: Date.now() };
}

async function holds(connection: S3Connection, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
  try {
    const stored = Buffer.concat(await Array.fromAsync(readObject(connection, key, 0, signal)));
    return Buffer.compare(stored, bytes) === 0;
  } catch {
    return false; // The failure that brought us here is the one to tell.
  }
}
