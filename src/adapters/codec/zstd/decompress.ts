// Reads any zstd file. Frames of a modest declared size (all of ours) are decompressed whole, two at a time; the others
// go through the streaming decoder, which ends without an error on half a frame. So it is the walk over block headers
// that proves each frame complete and finds what does not belong there.

import { constants, createZstdDecompress } from "node:zlib";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { ownBlock } from "../../bytes/owned-blocks.ts";
import { openByteReader, type ByteReader } from "../../bytes/byte-reader.ts";
import { mapInOrder } from "../../bytes/map-in-order.ts";
import { throughDuplex } from "../../bytes/through-duplex.ts";
import { corrupt, peekFrameHeader, readDataFrame, skipFrame, type FrameHeader } from "./frame.ts";

const maxWholeFrameBytes = 8 * 1024 * 1024;
const parallelFrames = 2;
const outputChunkBytes = 256 * 1024;
/** zstd's own default limit: 128 MiB of window. */
const maxWindowLog = 27;

type DataHeader = FrameHeader & { readonly kind: "data" };
type WholeFrame = { readonly kind: "whole"; readonly frame: Uint8Array<ArrayBuffer> };
type StreamedFrame = { readonly kind: "streamed"; readonly header: DataHeader };

/** Throws `backup_corrupt` before the end for whatever the format can reveal. */
export async function* decompress(compressed: ByteStream): ByteStream {
  const reader = openByteReader(compressed);
  let frames = 0;
  try {
    while (true) {
      let streamed: DataHeader | undefined;
      async function* wholeFrames(): AsyncGenerator<WholeFrame> {
        while (true) {
          const next = await nextFrame(reader);
          if (next === undefined) return;
          frames += 1;
          if (next.kind === "streamed") {
            streamed = next.header;
            return;
          }
          yield next;
        }
      }
      for await (const plain of mapInOrder(wholeFrames(), parallelFrames, decompressWhole)) {
        if (plain.length > 0) yield plain;
      }
      if (streamed === undefined) break;
      yield* decompressStreamed(reader, streamed);
    }
    if (frames === 0) throw corrupt("it holds no frame");
  } finally {
    await reader.close();
  }
}

/** A whole small frame, or the header of a large one that is then read from the reader. */
async function nextFrame(reader: ByteReader): Promise<WholeFrame | StreamedFrame | undefined> {
  while (true) {
    const header = await peekFrameHeader(reader);
    if (header === undefined) return undefined;
    if (header.kind === "skippable") {
      await skipFrame(reader, header);
      continue;
    }
    const { contentBytes } = header;
    if (contentBytes === null || contentBytes > maxWholeFrameBytes) return { kind: "streamed", header };
    return { kind: "whole", frame: await collectFrame(reader, header, contentBytes) };
  }
}

async function collectFrame(
  reader: ByteReader,
  header: DataHeader,
  contentBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  // Twice the content is far above what any encoder needs; without a limit empty blocks could go on for ever.
  const limitBytes = 2 * contentBytes + 64 * 1024;
  const pieces: Uint8Array[] = [];
  let frameBytes = 0;
  for await (const piece of readDataFrame(reader, header)) {
    pieces.push(piece);
    frameBytes += piece.length;
    if (frameBytes > limitBytes) throw corrupt(`a frame of ${contentBytes} bytes takes more than ${limitBytes}`);
  }
  const frame = new Uint8Array(frameBytes);
  let filled = 0;
  for (const piece of pieces) {
    frame.set(piece, filled);
    filled += piece.length;
  }
  return frame;
}

/** The decoder compares the content with the size and the check sum that the frame declares. */
async function decompressWhole({ frame }: WholeFrame): Promise<Uint8Array> {
  const plain = await Bun.zstdDecompress(frame).catch((error: unknown) => {
    throw corrupt("a frame does not decompress", error);
  });
  return ownBlock(plain);
}

async function* decompressStreamed(reader: ByteReader, header: DataHeader): ByteStream {
  const decoder = createZstdDecompress({
    chunkSize: outputChunkBytes,
    params: { [constants.ZSTD_d_windowLogMax]: maxWindowLog },
  });
  let plainBytes = 0;
  try {
    for await (const chunk of throughDuplex(readDataFrame(reader, header), decoder)) {
      plainBytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw isZstdError(error) ? corrupt("a frame does not decompress", error) : error;
  }
  if (header.contentBytes !== null && plainBytes !== header.contentBytes) {
    throw corrupt(`a frame holds ${plainBytes} bytes where it declares ${header.contentBytes}`);
  }
}

function isZstdError(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ZSTD_");
}
