// A tar of the plain files of one directory: how a dump in directory format travels as a stream.

import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";

const blockBytes = 512;
const readBytes = 256 * 1024;

export const endOfTar: Uint8Array = new Uint8Array(2 * blockBytes);

/** One entry: header, content, padding. A file that changes its length meanwhile is an error. */
export async function* tarEntry(directory: string, name: string, modifiedAtMs: number): ByteStream {
  await using file = await open(join(directory, name), "r");
  const { size } = await file.stat();
  yield tarHeader(name, size, modifiedAtMs);
  let at = 0;
  while (at < size) {
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, size - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new AppError("source_failed", `temporary file ${name} became shorter while it was read`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  const padding = (blockBytes - (size % blockBytes)) % blockBytes;
  if (padding > 0) yield new Uint8Array(padding);
}

function tarHeader(name: string, sizeBytes: number, modifiedAtMs: number): Uint8Array {
  const header = Buffer.alloc(blockBytes);
  const put = (text: string, at: number): void => void header.write(text, at, "latin1");
  put(name, 0);
  put("0000600\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  if (sizeBytes < 8 ** 11) put(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124);
  else {
    // Base 256, as GNU tar writes sizes of 8 GiB and above.
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(sizeBytes), 128);
  }
  put(
    `${Math.floor(modifiedAtMs / 1000)
      .toString(8)
      .padStart(11, "0")}\0`,
    136,
  );
  put(" ".repeat(8), 148);
  put("0", 156);
  put("ustar\x0000", 257);
  let sum = 0;
  for (const byte of header) sum += byte;
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** Writes the entries into an empty directory; names that pg_dump never uses are refused. */
export async function unpackFlatTar(stream: ByteStream, directory: string, signal: AbortSignal): Promise<void> {
  let lastBytes = Buffer.alloc(0);
  let sourceError: unknown;
  async function* watched(): ByteStream {
    try {
      for await (const chunk of stream) {
        signal.throwIfAborted();
        lastBytes = Buffer.concat([lastBytes, chunk.subarray(-endOfTar.length)]).subarray(-endOfTar.length);
        yield chunk;
      }
    } catch (error) {
      sourceError = error;
      throw error;
    }
  }
  const unpacker = extract();
  let feedError: unknown;
  const fed = pipeline(watched(), unpacker).catch((error: unknown) => {
    feedError = error;
  });
  try {
    for await (const entry of unpacker) {
      const { name, type } = entry.header;
      if (type !== "file" || !/^[A-Za-z0-9_][A-Za-z0-9_.]*$/.test(name)) {
        throw new AppError("backup_corrupt", `the directory dump holds an entry that pg_dump does not write: ${name}`);
      }
      await pipeline(entry, createWriteStream(join(directory, name), { mode: 0o600, flags: "wx" }));
    }
    await fed;
  } catch (error) {
    unpacker.destroy();
    await fed;
    throw translateUnpackError(sourceError ?? error, signal);
  }
  const error = sourceError ?? feedError;
  if (error !== undefined) throw translateUnpackError(error, signal);
  if (lastBytes.length < endOfTar.length || !lastBytes.equals(endOfTar)) {
    throw new AppError("backup_corrupt", "the directory dump has no end mark, it was cut");
  }
}

function translateUnpackError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof AppError) return error;
  const code = (error as { code?: unknown }).code;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new AppError("disk_full", "the disk of TMP_DIR became full while a directory dump was unpacked", {
      hint: "free some space there, or set TMP_DIR to a larger disk",
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new AppError("backup_corrupt", `the directory dump is not a complete tar: ${message}`, { cause: error });
}
