// Appends to an open file: small chunks are gathered into blocks, one block is written while the next one fills; large
// ones are written as they are. The disk is asked to write back early, so that the sync at the end is short.

import type { FileHandle } from "node:fs/promises";

const blockBytes = 1024 * 1024;
const writeBackBytes = 64 * 1024 * 1024;

export interface BlockWriter {
  readonly sizeBytes: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Everything is written and durable when it resolves. */
  finish(): Promise<void>;
  /** Waits for what is under way; never throws. */
  settle(): Promise<void>;
}

export function openBlockWriter(handle: FileHandle): BlockWriter {
  let filling: Buffer | undefined;
  let spare: Buffer | undefined;
  let filledBytes = 0;
  let sizeBytes = 0;
  let position = 0;
  let syncedPosition = 0;
  let writing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  // An error is kept: the system reports a failed write-back once, and it must not be lost between two calls.
  const keepFailure = (error: unknown): void => {
    failure ??= { error };
  };
  const throwFailure = (): void => {
    if (failure !== undefined) throw failure.error;
  };

  async function writeFully(block: Uint8Array): Promise<void> {
    for (let at = 0; at < block.length;) {
      const { bytesWritten } = await handle.write(block, at, block.length - at, position);
      if (bytesWritten === 0) throw Object.assign(new Error("the disk took no byte"), { code: "EIO" });
      at += bytesWritten;
      position += bytesWritten;
    }
    if (syncing !== undefined || position - syncedPosition < writeBackBytes) return;
    syncedPosition = position;
    syncing = handle
      .datasync()
      .catch(keepFailure)
      .finally(() => {
        syncing = undefined;
      });
  }

  /** Waits for the block before, then lets this one go. */
  async function startWriting(block: Uint8Array): Promise<void> {
    await writing;
    throwFailure();
    writing = writeFully(block).catch(keepFailure);
  }

  async function flush(): Promise<void> {
    if (filling === undefined || filledBytes === 0) return;
    const block = filling;
    const end = filledBytes;
    filling = spare;
    spare = block;
    filledBytes = 0;
    await startWriting(block.subarray(0, end));
  }

  async function append(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      filling ??= Buffer.allocUnsafeSlow(blockBytes);
      const length = Math.min(chunk.length - at, blockBytes - filledBytes);
      filling.set(chunk.subarray(at, at + length), filledBytes);
      filledBytes += length;
      at += length;
      if (filledBytes === blockBytes) await flush();
    }
  }

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    async write(chunk) {
      throwFailure();
      sizeBytes += chunk.length;
      if (chunk.length < blockBytes) return append(chunk);
      await flush();
      await startWriting(chunk);
      await writing;
      throwFailure();
    },
    async finish() {
      await flush();
      await writing;
      await syncing;
      throwFailure();
      await handle.sync();
    },
    async settle() {
      await writing;
      await syncing;
    },
  };
}
