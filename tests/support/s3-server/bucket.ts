// The server's objects: bodies in files of a directory of its own, the rest in memory.

import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";

export interface StoredBody {
  readonly file: string;
  readonly sizeBytes: number;
  readonly md5: string; // hex
  readonly sha256: string | undefined;
  readonly crc32: string; // base64
}

export interface StoredObject {
  readonly key: string;
  readonly bodies: readonly StoredBody[];
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAt: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StoredUpload {
  readonly id: string;
  readonly key: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, StoredBody & { readonly etag: string }>;
}

export interface BodyOptions {
  /** MD5 and SHA-256; without, tags are opaque and the server is fast. */
  readonly hashes: boolean;
  readonly flip?: boolean;
  /** Throws when so many bytes have come. */
  onBytes?(total: number): void;
}

let serial = 0;

export async function storeBody(
  directory: string,
  body: AsyncIterable<Uint8Array>,
  options: BodyOptions,
): Promise<StoredBody> {
  const file = join(directory, `body-${++serial}`);
  const handle = await open(file, "wx");
  const md5 = createHash("md5");
  const sha256 = createHash("sha256");
  let crc = 0;
  let sizeBytes = 0;
  try {
    for await (const chunk of body) {
      if (options.hashes) {
        md5.update(chunk);
        sha256.update(chunk);
        crc = crc32(chunk, crc);
      }
      const kept = options.flip && sizeBytes === 0 ? flipped(chunk) : chunk;
      await handle.write(kept, 0, kept.length, sizeBytes);
      sizeBytes += chunk.length;
      options.onBytes?.(sizeBytes);
    }
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  const crcBytes = Buffer.alloc(4);
  crcBytes.writeUInt32BE(crc);
  return {
    file,
    sizeBytes,
    md5: options.hashes ? md5.digest("hex") : "",
    sha256: options.hashes ? sha256.digest("hex") : undefined,
    crc32: crcBytes.toString("base64"),
  };
}

export function flipped(chunk: Uint8Array): Uint8Array {
  const copy = new Uint8Array(chunk);
  copy[0] = (copy[0] ?? 0) ^ 0x01;
  return copy;
}

/** Bytes `from` up to but not with `to` of an object. */
export async function* readBodies(bodies: readonly StoredBody[], from: number, to: number): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const { file, sizeBytes } of bodies) {
    const first = Math.max(0, from - start);
    const last = Math.min(sizeBytes, to - start);
    start += sizeBytes;
    if (first >= last) continue;
    const handle = await open(file, "r");
    try {
      for (let at = first; at < last;) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(256 * 1024, last - at));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new Error(`${file} is shorter than it was`);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }
}

export async function removeBodies(bodies: Iterable<StoredBody>): Promise<void> {
  for (const { file } of bodies) await rm(file, { force: true });
}
