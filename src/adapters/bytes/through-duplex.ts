// Sends a stream through one of the runtime's stream decoders, with back-pressure both ways.

import type { Duplex } from "node:stream";
import type { ByteStream } from "../../ports/byte-stream.ts";

/** Throws the input's own error, or the decoder's. Has ended the input when it ends, in every case. */
export async function* throughDuplex(input: ByteStream, duplex: Duplex): ByteStream {
  let inputError: { readonly error: unknown } | undefined;

  async function feed(): Promise<void> {
    try {
      for await (const chunk of input) {
        if (duplex.destroyed) return;
        if (!duplex.write(chunk)) await drained(duplex);
      }
      duplex.end();
    } catch (error) {
      inputError = { error };
      duplex.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  const fed = feed();
  try {
    for await (const chunk of duplex) yield chunk as Uint8Array;
  } catch (error) {
    throw inputError === undefined ? error : inputError.error;
  } finally {
    duplex.destroy();
    await fed;
  }
}

function drained(duplex: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      duplex.off("drain", done).off("close", done);
      resolve();
    };
    duplex.on("drain", done).on("close", done);
    if (duplex.destroyed) done();
  });
}
