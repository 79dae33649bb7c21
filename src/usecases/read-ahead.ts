// Lets a producer work before its reader is ready.

import type { ByteStream } from "../ports/byte-stream.ts";

export interface ReadAhead extends AsyncDisposable {
  /** All chunks in order, or the producer's error in its place. To be read once. */
  readonly stream: ByteStream;
}

/** Reads on its own until `limitBytes` are waiting or somebody reads; from then on chunk by chunk, as they are asked for. */
export function readAhead(stream: ByteStream, limitBytes: number): ReadAhead {
  const iterator = stream[Symbol.asyncIterator]();
  const waiting: Uint8Array[] = [];
  let isWanted = false;
  let hasEnded = false;

  async function fill(): Promise<void> {
    for (let bytes = 0; bytes < limitBytes && !isWanted;) {
      const next = await pull();
      if (next === undefined) return;
      waiting.push(next);
      bytes += next.length;
    }
  }

  async function pull(): Promise<Uint8Array | undefined> {
    try {
      const next = await iterator.next();
      if (next.done !== true) return next.value;
      hasEnded = true;
      return undefined;
    } catch (error) {
      hasEnded = true;
      throw error;
    }
  }

  const filling = fill();
  // Told where the stream is read; until then it must not count as unhandled.
  filling.catch(() => {});

  async function close(): Promise<void> {
    isWanted = true;
    await filling.catch(() => {});
    if (hasEnded) return;
    hasEnded = true;
    await iterator.return?.();
  }

  async function* read(): ByteStream {
    isWanted = true;
    let failure: { readonly error: unknown } | undefined;
    await filling.catch((error: unknown) => (failure = { error }));
    try {
      for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) yield chunk;
      if (failure !== undefined) throw failure.error;
      while (!hasEnded) {
        const chunk = await pull();
        if (chunk !== undefined) yield chunk;
      }
    } finally {
      await close();
    }
  }

  return { stream: read(), [Symbol.asyncDispose]: close };
}
