// Follows an archive in custom format block by block as it passes: every table that the contents name has its data,
// every block has its end, and nothing comes after the last. It only hops over lengths, so it costs next to nothing.

import { AppError, type ErrorCode } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { type ArchiveHead, type HeadReader, openHeadReader } from "./archive-toc.ts";

const dataBlock = 1;
const largeObjectsBlock = 3;

type Expecting = "block type" | "block id" | "object id" | "chunk length";

export interface ArchiveWalk {
  feed(bytes: Uint8Array): void;
  /** What is missing at the end of the bytes, or null when the archive is complete. */
  findGap(): string | null;
}

/** Starts behind the head. */
export function walkBlocks(head: ArchiveHead): ArchiveWalk {
  const names = new Map(head.entries.filter((entry) => entry.hasData).map((entry) => [entry.dumpId, entry.name]));
  let expecting: Expecting = "block type";
  let inLargeObjects = false;
  let skipBytes = 0;
  let takenBytes = 0;
  let value = 0;
  let fault: string | null = null;

  function onNumber(number: number): void {
    if (expecting === "block id") {
      if (!names.delete(number)) fault = `data block ${number} is not in the table of contents`;
      expecting = inLargeObjects ? "object id" : "chunk length";
    } else if (expecting === "object id") expecting = number === 0 ? "block type" : "chunk length";
    else if (number > 0) skipBytes = number;
    else expecting = inLargeObjects ? "object id" : "block type";
  }

  function takeByte(byte: number): void {
    if (expecting === "block type") {
      if (byte !== dataBlock && byte !== largeObjectsBlock) fault = `a data block has the unknown type ${byte}`;
      inLargeObjects = byte === largeObjectsBlock;
      expecting = "block id";
      return;
    }
    // A sign byte, then the number, lowest byte first.
    if (takenBytes > 0) value += byte * 256 ** (takenBytes - 1);
    takenBytes += 1;
    if (takenBytes <= head.intBytes) return;
    const number = value;
    takenBytes = 0;
    value = 0;
    onNumber(number);
  }

  const isChunkStart = (): boolean => head.intBytes === 4 && takenBytes === 0 && expecting === "chunk length";

  /** By far the most frequent step, once per row: from length to length as far as the bytes go. */
  function hopChunks(bytes: Uint8Array, start: number): number {
    const end = bytes.length;
    let at = start;
    while (at + 5 <= end) {
      const length = bytes[at + 1]! + bytes[at + 2]! * 256 + bytes[at + 3]! * 65_536 + bytes[at + 4]! * 16_777_216;
      at += 5;
      if (length === 0) {
        onNumber(0);
        break;
      }
      at += length;
    }
    if (at <= end) return at;
    skipBytes = at - end;
    return end;
  }

  return {
    feed(bytes) {
      const { length } = bytes;
      for (let at = 0; at < length && fault === null;) {
        if (skipBytes > 0) {
          const hop = Math.min(skipBytes, length - at);
          at += hop;
          skipBytes -= hop;
        } else if (isChunkStart() && at + 5 <= length) at = hopChunks(bytes, at);
        else takeByte(bytes[at++]!);
      }
    },
    findGap() {
      if (fault !== null) return fault;
      if (skipBytes > 0 || takenBytes > 0 || expecting !== "block type") return "it ends within a data block";
      const [missing] = names.values();
      return missing === undefined ? null : `the data of ${missing} is missing`;
    },
  };
}

export interface ArchiveWatch {
  feed(chunk: Uint8Array): void;
  /** Throws when the archive is not complete. */
  end(): void;
}

/** Follows a whole archive, its head included. */
export function watchArchive(code: ErrorCode, what: string): ArchiveWatch {
  const fail = (gap: string): AppError => new AppError(code, `${what} is not a complete archive: ${gap}`);
  let reader: HeadReader | undefined = openHeadReader();
  let walk: ArchiveWalk | undefined;

  function readHead(bytes: Uint8Array): void {
    try {
      const read = reader?.feed(bytes);
      if (read === undefined) return;
      walk = walkBlocks(read.head);
      walk.feed(read.rest);
    } catch (error) {
      // A newer format is for pg_restore to judge.
      if (!(error instanceof AppError) || error.code !== "unsupported") throw fail("its head cannot be read");
    }
    reader = undefined;
  }

  return {
    feed(chunk) {
      if (walk !== undefined) walk.feed(chunk);
      else if (reader !== undefined) readHead(chunk);
    },
    end() {
      if (walk === undefined && reader === undefined) return;
      const gap = walk === undefined ? "it ends within its table of contents" : walk.findGap();
      if (gap !== null) throw fail(gap);
    },
  };
}

/** The same bytes; at their end, throws when the archive is not complete. */
export async function* checkArchive(stream: ByteStream, code: ErrorCode, what: string): ByteStream {
  const watch = watchArchive(code, what);
  for await (const chunk of stream) {
    watch.feed(chunk);
    yield chunk;
  }
  watch.end();
}
