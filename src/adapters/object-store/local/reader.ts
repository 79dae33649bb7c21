// Reads an open file from an offset to the size it had when it was opened; shorter is an error, never an end.

import type { FileHandle } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { translateDiskError } from "./errors.ts";

const chunkBytes = 256 * 1024;

export interface FileRead {
  readonly key: string;
  readonly offset: number;
  readonly location: string;
  readonly signal: AbortSignal;
}

export async function* readFile(handle: FileHandle, read: FileRead): ByteStream {
  const { key, offset, location, signal } = read;
  const stats = await handle.stat();
  if (!stats.isFile()) throw new AppError("object_not_found", `${key} is not in ${location}`);
  if (offset > stats.size) throw new AppError("storage_failed", `${key} in ${location} has no byte ${offset}`);
  for (let at = offset; at < stats.size;) {
    signal.throwIfAborted();
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, stats.size - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at).catch((error: unknown) => {
      throw translateDiskError(error, `reading ${key}`, location);
    });
    if (bytesRead === 0) {
      throw new AppError("storage_failed", `${key} in ${location} ended at byte ${at} of ${stats.size}`);
    }
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  signal.throwIfAborted();
}
