// Counts and hashes the bytes that pass, without changing them.

import { createHash } from "node:crypto";
import { AppError } from "../domain/error.ts";
import type { ByteStream, StreamDigest } from "../ports/byte-stream.ts";

export interface Meter {
  readonly bytes: number;
  /** 64 hex digits; only after the stream has ended. */
  sha256(): string;
  measure(stream: ByteStream): ByteStream;
}

/** `onBytes` hears the running total after every chunk. */
export function openMeter(onBytes?: (bytes: number) => void): Meter {
  const hash = createHash("sha256");
  let bytes = 0;
  let digest: string | undefined;
  return {
    get bytes() {
      return bytes;
    },
    sha256() {
      digest ??= hash.digest("hex");
      return digest;
    },
    async *measure(stream) {
      for await (const chunk of stream) {
        hash.update(chunk);
        bytes += chunk.length;
        onBytes?.(bytes);
        yield chunk;
      }
    },
  };
}

/** For a stream that was hashed where it was read: only counts, and takes the hash of exactly as many bytes. */
export function openDigestMeter(known: () => StreamDigest, onBytes: (bytes: number) => void): Meter {
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    sha256() {
      const digest = known();
      if (digest.bytes === bytes) return digest.sha256;
      throw new AppError("internal", `${bytes} bytes passed, but ${digest.bytes} were hashed`);
    },
    measure: (stream) => countBytes(stream, (total) => onBytes((bytes = total))),
  };
}

/** Counts only, for the middle of the pipeline where no hash is wanted. */
export async function* countBytes(stream: ByteStream, onBytes: (bytes: number) => void): ByteStream {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}
