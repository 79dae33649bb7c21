// Writes a stream to a file of mode 0600, for programs that must seek.

import { open } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";

export async function spoolToFile(stream: ByteStream, path: string, signal: AbortSignal): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  for await (const chunk of stream) {
    signal.throwIfAborted();
    for (let at = 0; at < chunk.length;) {
      const { bytesWritten } = await file.write(chunk, at).catch((error: unknown) => {
        throw translateWriteError(error, path);
      });
      at += bytesWritten;
    }
  }
}

function translateWriteError(error: unknown, path: string): AppError {
  const code = (error as { code?: unknown }).code;
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  const message = error instanceof Error ? error.message : String(error);
  return new AppError(full ? "disk_full" : "restore_failed", `writing ${path} failed: ${message}`, { cause: error });
}
