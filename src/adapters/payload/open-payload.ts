// Opens a file of unknown origin by its bytes alone: takes off encryption and compression, layer by layer.

import { sniffBytes, sniffPayload, type Payload } from "../../domain/backup/sniff-payload.ts";
import { AppError } from "../../domain/error.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import type { Cipher } from "../../ports/cipher.ts";
import type { Codec } from "../../ports/codec.ts";
import { openByteReader } from "../bytes/byte-reader.ts";

export interface PayloadTools {
  readonly codecs: Readonly<Record<Codec["algorithm"], Codec>>;
  /** Asked only for a scheme that was found in the file. */
  openCipher(scheme: Cipher["scheme"]): Promise<Cipher>;
  readonly signal: AbortSignal;
}

export type InnerPayload = Exclude<Payload, { readonly kind: "encrypted" | "compressed" }>;

export interface OpenedPayload {
  /** From the outside in: `aes-256-gcm`, `zstd`. */
  readonly layers: readonly string[];
  readonly payload: InnerPayload;
  /** The plain content, complete when it ends without throwing. Must be read or returned. */
  readonly stream: ByteStream;
}

const maxLayers = 6;

export async function openPayload(stored: ByteStream, tools: PayloadTools): Promise<OpenedPayload> {
  const layers: string[] = [];
  let stream = stored;
  while (layers.length <= maxLayers) {
    const reader = openByteReader(stream);
    try {
      const payload = sniffPayload(await reader.peek(sniffBytes));
      if (payload.kind === "encrypted") {
        const cipher = await tools.openCipher(payload.scheme);
        stream = cipher.decrypt(reader.rest(), undefined, tools.signal);
        layers.push(payload.scheme);
      } else if (payload.kind === "compressed") {
        stream = tools.codecs[payload.algorithm].decompress(reader.rest());
        layers.push(payload.algorithm);
      } else {
        return { layers, payload, stream: closeWith(reader.rest(), stored) };
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
  }
  await stream[Symbol.asyncIterator]().return?.();
  throw new AppError("unsupported", `the file has more than ${maxLayers} layers of compression and encryption`);
}

/** A generator that was never started runs nothing when it is left: what was opened below it is closed by itself. */
function closeWith(stream: ByteStream, below: ByteStream): ByteStream {
  const iterator = stream[Symbol.asyncIterator]();
  const iterable = {
    next: () => iterator.next(),
    async return(): Promise<IteratorResult<Uint8Array, undefined>> {
      try {
        await iterator.return?.();
      } finally {
        await below[Symbol.asyncIterator]().return?.();
      }
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterable,
  };
  return iterable;
}
