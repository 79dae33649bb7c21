// The outside of a zstd frame (RFC 8878, section 3.1): enough to walk from frame to frame without decompressing.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { ByteReader } from "../../bytes/byte-reader.ts";

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50; // to 0x184d2a5f
const maxHeaderBytes = 18;
const maxBlockBytes = 128 * 1024;
const lastBlockFlag = 1;
const rleBlock = 1;
const reservedBlock = 3;
const checksumBytes = 4;

export const checksumDescriptorBit = 0x04;

export type FrameHeader =
  | {
      readonly kind: "data";
      readonly headerBytes: number;
      readonly contentBytes: number | null;
      readonly hasChecksum: boolean;
    }
  | { readonly kind: "skippable"; readonly headerBytes: number; readonly skipBytes: number };

export function corrupt(problem: string, cause?: unknown): AppError {
  return new AppError("backup_corrupt", `zstd data is damaged: ${problem}`, cause === undefined ? {} : { cause });
}

/** The next frame's header, not consumed; undefined at the end of the stream. */
export async function peekFrameHeader(reader: ByteReader): Promise<FrameHeader | undefined> {
  const bytes = await reader.peek(maxHeaderBytes);
  if (bytes.length === 0) return undefined;
  if (bytes.length < 5) throw corrupt("it ends inside a frame header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint32(0, true);
  if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
    if (bytes.length < 8) throw corrupt("it ends inside a frame header");
    return { kind: "skippable", headerBytes: 8, skipBytes: view.getUint32(4, true) };
  }
  if (magic !== frameMagic) throw corrupt("no frame begins where one must");

  const descriptor = view.getUint8(4);
  if ((descriptor & 0x08) !== 0) throw corrupt("a frame header uses a reserved bit");
  if ((descriptor & 0x03) !== 0) throw corrupt("a frame needs a dictionary");
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeAt = isSingleSegment ? 5 : 6;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][sizeFlag]!;
  const headerBytes = sizeAt + sizeBytes;
  if (bytes.length < headerBytes) throw corrupt("it ends inside a frame header");
  return {
    kind: "data",
    headerBytes,
    contentBytes: readContentSize(view, sizeAt, sizeBytes),
    hasChecksum: (descriptor & checksumDescriptorBit) !== 0,
  };
}

function readContentSize(view: DataView, at: number, sizeBytes: number): number | null {
  if (sizeBytes === 1) return view.getUint8(at);
  if (sizeBytes === 2) return view.getUint16(at, true) + 256;
  if (sizeBytes === 4) return view.getUint32(at, true);
  return sizeBytes === 8 ? Number(view.getBigUint64(at, true)) : null;
}

/** Consumes one data frame and passes its bytes on; ends only after its last block and checksum. */
export async function* readDataFrame(reader: ByteReader, header: FrameHeader & { kind: "data" }): ByteStream {
  yield await reader.take(header.headerBytes);
  let isLast = false;
  while (!isLast) {
    const head = await reader.peek(3);
    if (head.length < 3) throw corrupt("it ends inside a frame");
    const word = head[0]! | (head[1]! << 8) | (head[2]! << 16);
    isLast = (word & lastBlockFlag) !== 0;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type === reservedBlock) throw corrupt("a block has a reserved type");
    if (type !== rleBlock && size > maxBlockBytes) throw corrupt("a block is larger than the format allows");
    yield await takeExactly(reader, 3 + (type === rleBlock ? 1 : size));
  }
  if (header.hasChecksum) yield await takeExactly(reader, checksumBytes);
}

export async function skipFrame(reader: ByteReader, header: FrameHeader & { kind: "skippable" }): Promise<void> {
  await reader.take(header.headerBytes);
  let left = header.skipBytes;
  while (left > 0) {
    const bytes = await reader.takeSome(left);
    if (bytes === undefined) throw corrupt("it ends inside a skippable frame");
    left -= bytes.length;
  }
}

async function takeExactly(reader: ByteReader, count: number): Promise<Uint8Array> {
  const bytes = await reader.take(count);
  if (bytes.length < count) throw corrupt("it ends inside a frame");
  return bytes;
}
