// Reads a stream by length instead of by chunk.

import type { ByteStream } from "../../ports/byte-stream.ts";

export interface ByteReader {
  /** Up to `count` bytes without consuming them; fewer only at the end of the stream. */
  peek(count: number): Promise<Uint8Array>;
  /** Up to `count` bytes; fewer only at the end of the stream. */
  take(count: number): Promise<Uint8Array>;
  /** Some bytes, at most `limit`, as they come and without copying; undefined at the end. */
  takeSome(limit: number): Promise<Uint8Array | undefined>;
  isAtEnd(): Promise<boolean>;
  /** All that was not consumed; ends the reader's own use of the stream. */
  rest(): ByteStream;
  /** Tells the stream that nobody reads on. */
  close(): Promise<void>;
}

const nothing = new Uint8Array(0);

export function openByteReader(stream: ByteStream): ByteReader {
  const iterator = stream[Symbol.asyncIterator]();
  let chunks: Uint8Array[] = [];
  let buffered = 0;
  let ended = false;

  async function fill(count: number): Promise<void> {
    while (buffered < count && !ended) {
      const next = await iterator.next();
      if (next.done === true) {
        ended = true;
      } else if (next.value.length > 0) {
        chunks.push(next.value);
        buffered += next.value.length;
      }
    }
  }

  /** One contiguous view of the first `count` buffered bytes. */
  function front(count: number): Uint8Array {
    const first = chunks[0] ?? nothing;
    if (first.length >= count) return first.subarray(0, count);
    const joined = new Uint8Array(count);
    let filled = 0;
    for (const chunk of chunks) {
      const piece = chunk.subarray(0, count - filled);
      joined.set(piece, filled);
      filled += piece.length;
      if (filled === count) break;
    }
    return joined;
  }

  function drop(count: number): void {
    let left = count;
    let whole = 0;
    while (left > 0) {
      const chunk = chunks[whole]!;
      if (chunk.length > left) {
        chunks[whole] = chunk.subarray(left);
        break;
      }
      left -= chunk.length;
      whole += 1;
    }
    if (whole > 0) chunks = chunks.slice(whole);
    buffered -= count;
  }

  return {
    async peek(count) {
      await fill(count);
      return front(Math.min(count, buffered));
    },
    async take(count) {
      await fill(count);
      const bytes = front(Math.min(count, buffered));
      drop(bytes.length);
      return bytes;
    },
    async takeSome(limit) {
      await fill(1);
      if (buffered === 0) return undefined;
      const bytes = front(Math.min(limit, chunks[0]!.length));
      drop(bytes.length);
      return bytes;
    },
    async isAtEnd() {
      await fill(1);
      return buffered === 0;
    },
    async *rest() {
      try {
        while (chunks.length > 0) {
          const chunk = chunks.shift()!;
          buffered -= chunk.length;
          yield chunk;
        }
        while (!ended) {
          const next = await iterator.next();
          if (next.done === true) ended = true;
          else yield next.value;
        }
      } finally {
        if (!ended) await iterator.return?.();
      }
    },
    async close() {
      chunks = [];
      buffered = 0;
      if (!ended) await iterator.return?.();
      ended = true;
    },
  };
}
