// Writes, reads and deletes one small object, and learns on the way what the store can do.

import { AppError } from "../../../domain/error.ts";
import { probeKey } from "../object-key.ts";
import type { S3Connection } from "./connection.ts";
import { createObject, isRefusedCondition } from "./create-object.ts";
import { isCode } from "./errors.ts";
import { putObject } from "./put-object.ts";
import { readObject } from "./read-object.ts";
import { deleteObject } from "./upload.ts";

export async function probeStore(connection: S3Connection, signal: AbortSignal): Promise<void> {
  const key = probeKey();
  const bytes = Buffer.from(key);
  const tags = { type: "probe" };
  try {
    await createObject(connection, key, bytes, { signal, tags });
    if (connection.features.conditions === "asked") await learnConditions(connection, key, bytes, signal);
    const stored = Buffer.concat(await Array.fromAsync(readObject(connection, key, 0, signal)));
    if (Buffer.compare(stored, bytes) !== 0) {
      throw new AppError("storage_failed", `${connection.location} gave back other bytes than were written`);
    }
  } catch (error) {
    // Removed as far as that goes; the first failure is the one to tell.
    const isHopeless = error instanceof AppError && ["storage_auth_failed", "storage_unreachable"].includes(error.code);
    if (!isHopeless) await deleteObject(connection, key, AbortSignal.timeout(10_000)).catch(() => {});
    throw error;
  }
  await deleteObject(connection, key, signal);
}

async function learnConditions(
  connection: S3Connection,
  key: string,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { features } = connection;
  try {
    await putObject(connection, { key, body, tags: undefined, createOnly: true, signal });
    features.conditions = "ignored";
  } catch (error) {
    if (!isRefusedCondition(error) && !isCode(error, "ConditionalRequestConflict")) {
      throw connection.fail(error, `writing ${key}`, signal);
    }
    features.conditions = "honoured";
  }
}
