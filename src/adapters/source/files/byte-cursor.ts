// Exact numbers of bytes from a stream of chunks of any size, without copying where a chunk holds them all.

import type { ByteStream } from "../../../ports/byte-stream.ts";

export interface ByteCursor {
  /** Bytes handed out so far. */
  readonly offset: number;
  /** The next `count` bytes when the current chunk holds them. */
  tryTake(count: number): Uint8Array | undefined;
  /** Fewer than `count` only at the end of the stream. */
  take(count: number): Promise<Uint8Array>;
  /** The next `count` bytes in pieces; ends early only at the end of the stream. */
  pass(count: number): AsyncGenerator<Uint8Array>;
  /** All that is left. */
  rest(): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

export function createByteCursor(stream: ByteStream): ByteCursor {
  const iterator = stream[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array(0);
  let at = 0;
  let offset = 0;
  let ended = false;

  async function more(): Promise<boolean> {
    if (ended) return false;
    const next = await iterator.next();
    if (next.done === true) {
      ended = true;
      return false;
    }
    chunk = next.value;
    at = 0;
    return true;
  }

  function cut(count: number): Uint8Array {
    const part = chunk.subarray(at, at + count);
    at += part.length;
    offset += part.length;
    return part;
  }

  async function* pass(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0;) {
      if (at === chunk.length && !(await more())) return;
      const part = cut(left);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }

  return {
    get offset() {
      return offset;
    },
    tryTake: (count) => (chunk.length - at >= count ? cut(count) : undefined),
    async take(count) {
      if (chunk.length - at >= count) return cut(count);
      const parts: Uint8Array[] = [];
      for await (const part of pass(count)) parts.push(part);
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
    pass,
    rest: () => pass(Number.POSITIVE_INFINITY),
    async close() {
      ended = true;
      await iterator.return?.();
    },
  };
}
