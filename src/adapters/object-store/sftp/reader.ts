// Reads a remote file with several requests under way, and goes on where it was when the connection breaks.

import { setTimeout as sleep } from "node:timers/promises";
import type { Stats } from "ssh2";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { SftpConnection } from "./connection.ts";
import type { SftpSession } from "./session.ts";
import { translateStatus } from "./sftp-status.ts";

const windowBytes = 2 * 1024 * 1024;
/** Attempts without a byte of progress between them. */
const mostAttempts = 4;

export interface SftpRead {
  readonly session: SftpSession;
  readonly key: string;
  readonly path: string;
  readonly offset: number;
  readonly signal: AbortSignal;
}

interface OpenFile {
  readonly connection: SftpConnection;
  readonly handle: Buffer;
  readonly stats: Stats;
}

/** Throws the server's own status when the file cannot be opened at first. */
export async function* readRemoteFile(read: SftpRead): ByteStream {
  const { session, key, signal } = read;
  const location = session.location;
  let at = read.offset;
  let known: Stats | undefined;
  let wasConnected = session.hasConnection;
  for (let attempt = 1; ; attempt++) {
    let file: OpenFile | undefined;
    try {
      file = await openRemote(read);
      const { stats } = file;
      if (!stats.isFile()) throw new AppError("object_not_found", `${key} is not in ${location}`);
      if (at > stats.size) throw new AppError("storage_failed", `${key} in ${location} has no byte ${at}`);
      if (known !== undefined && (known.size !== stats.size || known.mtime !== stats.mtime)) {
        throw new AppError("storage_failed", `${key} in ${location} was changed while it was read`);
      }
      known = stats;
      for await (const chunk of readAhead(file, at, read)) {
        at += chunk.length;
        attempt = 1;
        yield chunk;
      }
      signal.throwIfAborted();
      return;
    } catch (error) {
      signal.throwIfAborted();
      const isLost = error instanceof AppError && error.code === "storage_unreachable";
      // Before the first byte only an older connection, which may have died unnoticed, is worth another attempt.
      const mayRetry = known !== undefined || wasConnected;
      wasConnected = false;
      if (!isLost || !mayRetry || attempt >= mostAttempts) {
        throw known === undefined ? error : translateStatus(error, `reading ${key}`, location);
      }
    } finally {
      await closeRemote(file);
    }
    await sleep(200 * 2 ** attempt, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function openRemote({ session, path, signal }: SftpRead): Promise<OpenFile> {
  const connection = await session.connect(signal);
  const handle = await connection.call<Buffer>(signal, (sftp, done) => sftp.open(path, "r", done));
  try {
    const stats = await connection.call<Stats>(signal, (sftp, done) => sftp.fstat(handle, done));
    return { connection, handle, stats };
  } catch (error) {
    await closeRemote({ connection, handle });
    throw error;
  }
}

/** Whoever stops early does not wait for a server that may be gone. */
async function closeRemote(file: Pick<OpenFile, "connection" | "handle"> | undefined): Promise<void> {
  if (file === undefined || file.connection.isLost) return;
  const { connection, handle } = file;
  await connection.call<void>(AbortSignal.timeout(5_000), (sftp, done) => sftp.close(handle, done)).catch(() => {});
}

async function* readAhead(file: OpenFile, from: number, read: SftpRead): ByteStream {
  const { connection, stats } = file;
  const blockBytes = connection.maxReadBytes;
  const mostAtOnce = Math.max(2, Math.floor(windowBytes / blockBytes));
  const underWay: Promise<Buffer>[] = [];
  let next = from;
  while (next < stats.size || underWay.length > 0) {
    while (next < stats.size && underWay.length < mostAtOnce) {
      const request = readBlock(file, next, Math.min(blockBytes, stats.size - next), read);
      request.catch(() => {}); // Awaited below, or nobody reads on.
      underWay.push(request);
      next += blockBytes;
    }
    yield await underWay.shift()!;
  }
}

/** A server may answer with fewer bytes than asked for, but not with none before the end. */
async function readBlock(
  { connection, handle, stats }: OpenFile,
  at: number,
  length: number,
  read: SftpRead,
): Promise<Buffer> {
  const block = Buffer.allocUnsafeSlow(length);
  for (let filled = 0; filled < length;) {
    const count = await connection.call<number>(read.signal, (sftp, done) =>
      sftp.read(handle, block, filled, length - filled, at + filled, done),
    );
    if (count === 0) {
      const message = `${read.key} in ${read.session.location} ended at byte ${at + filled} of ${stats.size}`;
      throw new AppError("storage_failed", message);
    }
    filled += count;
  }
  return block;
}
