// Reads a tar stream member by member and believes nothing: every checksum, size, extended record and sparse map is
// checked, and the stream must end with the archive's own end mark and nothing but zeros after it.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { createByteCursor, type ByteCursor } from "./byte-cursor.ts";
import { parseHeader, parseRecords, type Records, type RawHeader } from "./parse-tar-header.ts";
import { blockBytes, roundUp, type TarEntry } from "./tar-header.ts";
import type { Piece } from "./sparse-map.ts";

export interface TarMember {
  readonly entry: TarEntry;
  /** Size of the restored file: more than the bytes in the archive when it is sparse. */
  readonly realBytes: number;
  /** Where the bytes of `content` belong, for a sparse file. */
  readonly pieces: readonly Piece[] | null;
  /** All bytes of the content at once, when they are at hand; call it or `content`, not both. */
  tryContent(): Uint8Array | undefined;
  content(): AsyncGenerator<Uint8Array>;
}

const maxRecordsBytes = 1024 * 1024;
const maxPieces = 4_000_000;

/** A member's content that was not read is skipped (and still has to be there). */
export async function* readTar(stream: ByteStream): AsyncGenerator<TarMember> {
  const cursor = createByteCursor(stream);
  try {
    const global: Records = new Map();
    let extended: Records = new Map();
    for (;;) {
      const block = cursor.tryTake(blockBytes) ?? (await cursor.take(blockBytes));
      if (block.length < blockBytes) throw damaged(cursor, "it ends without its end mark");
      if (isZero(block)) {
        await expectEnd(cursor);
        return;
      }
      const header = parseHeader(block);
      if (header === undefined) throw damaged(cursor, "a header's checksum is wrong");
      if (header.flag === "x" || header.flag === "g") {
        const records = parseRecords(await takeText(cursor, header.sizeBytes));
        if (records === undefined) throw damaged(cursor, "an extended header is malformed");
        for (const [key, value] of records) (header.flag === "x" ? extended : global).set(key, value);
        continue;
      }
      if (header.flag === "L" || header.flag === "K") {
        const text = (await takeText(cursor, header.sizeBytes)).replace(/\0+$/, "");
        extended.set(header.flag === "L" ? "path" : "linkpath", text);
        continue;
      }
      yield* member(cursor, header, new Map([...global, ...extended]));
      extended = new Map();
    }
  } finally {
    await cursor.close();
  }
}

async function* member(cursor: ByteCursor, header: RawHeader, records: Records): AsyncGenerator<TarMember> {
  const entry = applyRecords(cursor, header, records);
  let sizeBytes = entry.sizeBytes;
  let pieces: readonly Piece[] | null = null;
  let realBytes = sizeBytes;
  if (records.has("GNU.sparse.major")) {
    if (records.get("GNU.sparse.major") !== "1" || records.get("GNU.sparse.minor") !== "0")
      throw damaged(cursor, "it has a sparse file of an unknown format");
    realBytes = parseCount(cursor, records.get("GNU.sparse.realsize"));
    const map = await readSparseMap(cursor, sizeBytes, realBytes);
    pieces = map.pieces;
    sizeBytes -= map.mapBytes;
  }
  let left = sizeBytes;
  yield {
    entry,
    realBytes,
    pieces,
    tryContent() {
      const content = cursor.tryTake(left);
      if (content !== undefined) left = 0;
      return content;
    },
    async *content() {
      for await (const part of cursor.pass(left)) {
        left -= part.length;
        yield part;
      }
      if (left > 0) throw damaged(cursor, "it ends within a file");
    },
  };
  const skipped = left + roundUp(sizeBytes) - sizeBytes;
  if (cursor.tryTake(skipped) !== undefined) return;
  let seen = 0;
  for await (const part of cursor.pass(skipped)) seen += part.length;
  if (seen < skipped) throw damaged(cursor, "it ends within a file");
}

function applyRecords(cursor: ByteCursor, header: RawHeader, records: Records): TarEntry {
  const { type } = header;
  if (type === undefined) throw damaged(cursor, `it has a member of the unknown type ${JSON.stringify(header.flag)}`);
  const count = (key: string, fallback: number): number =>
    records.has(key) ? parseCount(cursor, records.get(key)) : fallback;
  const hasContent = type === "file";
  const sizeBytes = count("size", header.sizeBytes);
  if (!hasContent && sizeBytes !== 0 && type !== "link") throw damaged(cursor, "a member without content has a size");
  return {
    type,
    name: records.get("GNU.sparse.name") ?? records.get("path") ?? header.name,
    linkName: records.get("linkpath") ?? header.linkName,
    mode: header.mode,
    uid: count("uid", header.uid),
    gid: count("gid", header.gid),
    userName: records.get("uname") ?? header.userName,
    groupName: records.get("gname") ?? header.groupName,
    sizeBytes: hasContent ? sizeBytes : 0,
    modifiedNs: parseSeconds(cursor, records.get("mtime")) ?? BigInt(header.seconds) * 1_000_000_000n,
    device: header.device,
  };
}

function parseCount(cursor: ByteCursor, text: string | undefined): number {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw damaged(cursor, "an extended header has a number that is none");
  return value;
}

function parseSeconds(cursor: ByteCursor, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw damaged(cursor, "an extended header has a time that is none");
  const absolute = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? "").padEnd(9, "0").slice(0, 9));
  return match[1] === "-" ? -absolute : absolute;
}

async function readSparseMap(
  cursor: ByteCursor,
  sizeBytes: number,
  realBytes: number,
): Promise<{ readonly pieces: Piece[]; readonly mapBytes: number }> {
  let text = "";
  let mapBytes = 0;
  let at = 0;
  async function nextNumber(): Promise<number> {
    for (;;) {
      const end = text.indexOf("\n", at);
      if (end !== -1) {
        const line = text.slice(at, end);
        at = end + 1;
        return parseCount(cursor, line);
      }
      if (mapBytes + blockBytes > sizeBytes) throw damaged(cursor, "the map of a sparse file is cut");
      const block = await cursor.take(blockBytes);
      if (block.length < blockBytes) throw damaged(cursor, "it ends within a file");
      mapBytes += blockBytes;
      text = text.slice(at) + Buffer.from(block).toString("latin1");
      at = 0;
    }
  }
  const count = await nextNumber();
  if (count > maxPieces) throw damaged(cursor, "the map of a sparse file is too long");
  const pieces: Piece[] = [];
  let end = 0;
  let dataBytes = 0;
  for (let index = 0; index < count; index++) {
    const piece = { offset: await nextNumber(), length: await nextNumber() };
    if (piece.offset < end || piece.offset + piece.length > realBytes)
      throw damaged(cursor, "the map of a sparse file does not fit its size");
    end = piece.offset + piece.length;
    dataBytes += piece.length;
    pieces.push(piece);
  }
  if (dataBytes !== sizeBytes - mapBytes) throw damaged(cursor, "the map of a sparse file does not fit its data");
  return { pieces, mapBytes };
}

async function takeText(cursor: ByteCursor, sizeBytes: number): Promise<string> {
  if (sizeBytes > maxRecordsBytes) throw damaged(cursor, "an extended header is too long");
  const padded = roundUp(sizeBytes);
  const bytes = await cursor.take(padded);
  if (bytes.length < padded) throw damaged(cursor, "it ends within an extended header");
  return Buffer.from(bytes.buffer, bytes.byteOffset, sizeBytes).toString("latin1");
}

async function expectEnd(cursor: ByteCursor): Promise<void> {
  const second = await cursor.take(blockBytes);
  if (second.length < blockBytes || !isZero(second)) throw damaged(cursor, "its end mark is incomplete");
  for await (const part of cursor.rest()) {
    if (!isZero(part)) throw damaged(cursor, "something follows its end mark");
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false;
  return true;
}

function damaged(cursor: ByteCursor, why: string): AppError {
  return new AppError("backup_corrupt", `the archive of files is damaged near byte ${cursor.offset}: ${why}`, {
    hint: "restore from another storage or another backup",
  });
}
