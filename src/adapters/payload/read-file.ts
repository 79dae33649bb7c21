// A local file as a stream.

import { open } from "node:fs/promises";
import { AppError } from "../../domain/error.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";

const readBytes = 1024 * 1024;

/** Throws `object_not_found` or `storage_failed`; the file must be as long at the end as it was at the beginning. */
export async function* readFileStream(path: string): ByteStream {
  const file = await open(path, "r").catch((cause: unknown) => {
    const error = cause as NodeJS.ErrnoException;
    throw new AppError(
      error.code === "ENOENT" ? "object_not_found" : "storage_failed",
      `${path} cannot be read (${error.code})`,
      {
        hint: "check the path and its permissions",
        cause: error,
      },
    );
  });
  try {
    const { size } = await file.stat();
    let offset = 0;
    while (offset < size) {
      const buffer = new Uint8Array(Math.min(readBytes, size - offset));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) throw new AppError("storage_failed", `${path} ended after ${offset} of ${size} bytes`);
      offset += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
