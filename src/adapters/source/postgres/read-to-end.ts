// A program may stop reading before its input ends. The input's own checks (lengths, hashes) come last, so what the
// program left is read here, and an error of the input wins over what the program said about it.

import type { ByteStream } from "../../../ports/byte-stream.ts";

export async function readToEnd(stream: ByteStream, use: (stream: ByteStream) => Promise<void>): Promise<void> {
  const source = stream[Symbol.asyncIterator]();
  let failure: { readonly error: unknown } | undefined;
  let ended = false;
  let pendingReads = 0;
  async function next(): Promise<Uint8Array | undefined> {
    if (failure !== undefined) throw failure.error;
    if (ended) return undefined;
    pendingReads += 1;
    try {
      const result = await source.next();
      if (!result.done) return result.value;
      ended = true;
      return undefined;
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      pendingReads -= 1;
    }
  }
  // Without a `finally`: leaving it early must not end the source.
  async function* shared(): ByteStream {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
  }
  try {
    await use(shared());
    for (let chunk = await next(); chunk !== undefined; chunk = await next());
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  } finally {
    if (!ended) {
      const closed = Promise.resolve(source.return?.()).catch(() => {});
      // Closing queues behind a read that is under way, and that may wait for a storage that hangs.
      if (pendingReads === 0) await closed;
    }
  }
}
