// Writes one open remote file: small chunks are gathered into requests of the size the server takes, several of which
// are under way at once. The library copies what it sends, so a block of ours is free again at once.

import type { SftpConnection } from "./connection.ts";

/** On the way to the server, not yet confirmed. */
const windowBytes = 2 * 1024 * 1024;

export interface Upload {
  readonly sizeBytes: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Everything is confirmed by the server when it resolves. */
  finish(): Promise<void>;
}

export function openUpload(connection: SftpConnection, handle: Buffer, signal: AbortSignal): Upload {
  const blockBytes = connection.maxWriteBytes;
  const mostAtOnce = Math.max(2, Math.floor(windowBytes / blockBytes));
  const block = Buffer.allocUnsafeSlow(blockBytes);
  let filledBytes = 0;
  let sizeBytes = 0;
  let position = 0;
  let underWay = 0;
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  async function waitUntil(held: () => boolean): Promise<void> {
    while (!held() && failure === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    }
    if (failure !== undefined) throw failure.error;
  }

  async function send(bytes: Buffer): Promise<void> {
    await waitUntil(() => underWay < mostAtOnce);
    const at = position;
    position += bytes.length;
    underWay++;
    const settle = (problem?: { readonly error: unknown }): void => {
      underWay--;
      failure ??= problem;
      wake?.();
    };
    connection
      .call<number>(signal, (sftp, done) => sftp.write(handle, bytes, 0, bytes.length, at, done))
      .then(
        () => settle(),
        (error: unknown) => settle({ error }),
      );
  }

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    async write(chunk) {
      if (failure !== undefined) throw failure.error;
      sizeBytes += chunk.length;
      for (let at = 0; at < chunk.length;) {
        if (filledBytes === 0 && chunk.length - at >= blockBytes) {
          await send(Buffer.from(chunk.buffer, chunk.byteOffset + at, blockBytes));
          at += blockBytes;
          continue;
        }
        const length = Math.min(chunk.length - at, blockBytes - filledBytes);
        block.set(chunk.subarray(at, at + length), filledBytes);
        filledBytes += length;
        at += length;
        if (filledBytes < blockBytes) continue;
        await send(block);
        filledBytes = 0;
      }
    },
    async finish() {
      if (filledBytes > 0) await send(block.subarray(0, filledBytes));
      filledBytes = 0;
      await waitUntil(() => underWay === 0);
    },
  };
}
