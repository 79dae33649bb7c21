// Whole files to streams and back.

import { open } from "node:fs/promises";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { AppError } from "../../../domain/error.ts";

const readBytes = 1024 * 1024;

/** Reads one piece ahead; ends only when every byte that the file had at the start was delivered. */
export async function* readFileStream(path: string, signal: AbortSignal): ByteStream {
  await using file = await open(path, "r");
  const { size: sizeBytes } = await file.stat();
  const readAt = (offset: number): Promise<Uint8Array> => {
    const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, sizeBytes - offset));
    const read = file.read(buffer, 0, buffer.length, offset).then(({ bytesRead }) => buffer.subarray(0, bytesRead));
    read.catch(() => {});
    return read;
  };
  let next: Promise<Uint8Array> | undefined = sizeBytes === 0 ? undefined : readAt(0);
  try {
    for (let offset = 0; offset < sizeBytes;) {
      const chunk = await next!;
      signal.throwIfAborted();
      if (chunk.length === 0)
        throw new AppError("source_failed", `the file ${path} ended after ${offset} of ${sizeBytes} bytes`);
      offset += chunk.length;
      next = offset < sizeBytes ? readAt(offset) : undefined;
      yield chunk;
      signal.throwIfAborted();
    }
  } finally {
    await next?.catch(() => {});
  }
}

/** Creates the file (0600), writes everything and makes it durable; returns the number of bytes. */
export async function writeFileStream(path: string, stream: ByteStream, signal: AbortSignal): Promise<number> {
  await using file = await open(path, "wx", 0o600);
  let sizeBytes = 0;
  for await (const chunk of stream) {
    signal.throwIfAborted();
    for (let at = 0; at < chunk.length;) {
      const { bytesWritten } = await file.write(chunk, at, chunk.length - at);
      at += bytesWritten;
    }
    sizeBytes += chunk.length;
  }
  await file.sync();
  return sizeBytes;
}
