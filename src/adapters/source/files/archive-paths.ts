// Writes the tar stream. What is declared in a header is what follows: a file that shrinks while it is read is filled
// with zeros, one that grows is cut, and both are warned of, so that one busy file never breaks the archive.

import { closeSync, constants, fstatSync, openSync, read, readlinkSync, readSync, type BigIntStats } from "node:fs";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { toFsPath, toMemberName } from "./byte-path.ts";
import { fromDeviceNumber } from "./libc.ts";
import type { OwnerNames } from "./owner-names.ts";
import { encodeSparseMap, findPieces, type Piece } from "./sparse-map.ts";
import { blockBytes, maxHeaderBytes, roundUp, writeHeader, type TarEntry, type TarType } from "./tar-header.ts";
import { walkTree, type Found, type WalkOptions } from "./walk-tree.ts";

export interface ArchiveCounts {
  entries: number;
  files: number;
  directories: number;
  /** Sum of the sizes of the files. */
  bytes: number;
  /** Bytes of files that are in the archive: fewer than `bytes` when files are sparse. */
  dataBytes: number;
}

export interface ArchiveOptions extends WalkOptions {
  readonly owners: OwnerNames;
  readonly signal: AbortSignal;
  /** Filled in while the stream is read. */
  readonly counts: ArchiveCounts;
}

/** Small files share a chunk of this size; larger ones are read ahead in pieces of `largeReadBytes`. */
const chunkBytes = 512 * 1024;
const largeReadBytes = 1024 * 1024;
/** What one system call reads at once, so that it is one view of the file. */
const smallBytes = 64 * 1024;
/** The event loop gets a turn at least this often while files are read synchronously. */
const turnMs = 25;

interface Batch {
  buffer: Buffer;
  used: number;
}

export async function* archivePaths(options: ArchiveOptions): ByteStream {
  const { signal, counts, warnings } = options;
  const links = new Map<string, string>();
  const batch: Batch = { buffer: Buffer.allocUnsafeSlow(chunkBytes), used: 0 };
  let turnedAt = performance.now();

  for (const found of walkTree(options)) {
    signal.throwIfAborted();
    if (performance.now() - turnedAt > turnMs) {
      await new Promise(setImmediate);
      turnedAt = performance.now();
    }
    if (found.stats !== null) {
      const entry = describeSpecial(found, found.stats, options);
      if (entry === undefined) continue;
      yield* putHeader(batch, entry);
      counts.entries++;
      if (entry.type === "directory") counts.directories++;
      continue;
    }
    const fd = openPlain(found, options);
    if (fd === undefined) continue;
    try {
      const before = fstatSync(fd, { bigint: true });
      if (!before.isFile()) {
        warnings.add("changed while it was read", found.path);
        continue;
      }
      const name = toMemberName(found.path);
      const identity = `${before.dev}:${before.ino}`;
      const linkName = before.nlink > 1n ? links.get(identity) : undefined;
      counts.entries++;
      if (linkName !== undefined) {
        yield* putHeader(batch, { ...describe("link", found.path, before, options), linkName });
        continue;
      }
      if (before.nlink > 1n) links.set(identity, name);
      counts.files++;
      counts.bytes += Number(before.size);
      const entry = describe("file", found.path, before, options);
      if (before.size <= smallBytes && before.blocks * 512n >= before.size) {
        if (batch.used + maxHeaderBytes(entry) + entry.sizeBytes + 2 * blockBytes > batch.buffer.length)
          yield* makeRoom(batch, chunkBytes);
        const fault = putSmallFile(batch, fd, entry, counts);
        if (fault !== undefined) warnings.add(fault, found.path);
        continue;
      }
      const fault = yield* putFile(batch, fd, entry, before, options);
      const after = fstatSync(fd, { bigint: true });
      if (fault !== undefined) warnings.add(fault, found.path);
      else if (after.size !== before.size || after.mtimeNs !== before.mtimeNs)
        warnings.add("changed while it was read", found.path);
    } finally {
      closeSync(fd);
    }
  }
  signal.throwIfAborted();
  const endBytes = 1024;
  yield* makeRoom(batch, endBytes);
  batch.buffer.fill(0, batch.used, batch.used + endBytes);
  batch.used += endBytes;
  yield batch.buffer.subarray(0, batch.used);
}

function openPlain({ path, isRoot }: Found, { warnings }: ArchiveOptions): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    // Not following and not blocking: what was a file a moment ago may be a symlink or a fifo now.
    return openSync(toFsPath(path), O_RDONLY | (O_NONBLOCK ?? 0) | (isRoot ? 0 : (O_NOFOLLOW ?? 0)));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") warnings.add("vanished while the backup ran", path);
    else if (code === "ELOOP") warnings.add("changed while it was read", path);
    else warnings.add(`could not be read (${code})`, path);
    return undefined;
  }
}

function describe(type: TarType, path: string, stats: BigIntStats, { owners }: ArchiveOptions): TarEntry {
  const uid = Number(stats.uid);
  const gid = Number(stats.gid);
  return {
    type,
    name: toMemberName(path),
    linkName: "",
    mode: Number(stats.mode) & 0o7777,
    uid,
    gid,
    userName: owners.userName(uid),
    groupName: owners.groupName(gid),
    sizeBytes: type === "file" ? Number(stats.size) : 0,
    modifiedNs: stats.mtimeNs,
  };
}

function describeSpecial({ path }: Found, stats: BigIntStats, options: ArchiveOptions): TarEntry | undefined {
  const { warnings } = options;
  if (stats.isDirectory()) return describe("directory", path, stats, options);
  if (stats.isFIFO()) return describe("fifo", path, stats, options);
  if (stats.isSymbolicLink()) {
    try {
      const linkName = readlinkSync(toFsPath(path), { encoding: "buffer" }).toString("latin1");
      return { ...describe("symlink", path, stats, options), linkName };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      warnings.add(code === "ENOENT" ? "vanished while the backup ran" : `could not be read (${code})`, path);
      return undefined;
    }
  }
  if (stats.isCharacterDevice() || stats.isBlockDevice()) {
    const type = stats.isBlockDevice() ? "block" : "char";
    return { ...describe(type, path, stats, options), device: fromDeviceNumber(stats.rdev) };
  }
  warnings.add("skipped a socket", path);
  return undefined;
}

function* makeRoom(batch: Batch, bytes: number): Generator<Uint8Array> {
  if (batch.used + bytes <= batch.buffer.length) return;
  if (batch.used > 0) yield batch.buffer.subarray(0, batch.used);
  batch.buffer = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
  batch.used = 0;
}

function* putHeader(batch: Batch, entry: TarEntry): Generator<Uint8Array> {
  yield* makeRoom(batch, maxHeaderBytes(entry));
  batch.used += writeHeader(batch.buffer, batch.used, entry);
}

/** What went wrong with a file whose missing bytes were filled with zeros. */
type Fault = string | undefined;

const cutShort: Fault = "changed while it was read";

function readFault(error: unknown): Fault {
  return `could not be read to its end (${(error as NodeJS.ErrnoException).code})`;
}

/** The same as `putFile` for most files of most trees, in as few steps as possible. */
function putSmallFile(batch: Batch, fd: number, entry: TarEntry, counts: ArchiveCounts): Fault {
  const { sizeBytes } = entry;
  const { buffer } = batch;
  counts.dataBytes += sizeBytes;
  batch.used += writeHeader(buffer, batch.used, entry);
  const start = batch.used;
  batch.used += roundUp(sizeBytes);
  if (sizeBytes === 0) return undefined;
  let got = 0;
  let fault: Fault;
  try {
    // One byte more than declared shows a file that has grown.
    for (let step = -1; step !== 0 && got < sizeBytes; got += step)
      step = readSync(fd, buffer, start + got, sizeBytes + 1 - got, got);
    if (got !== sizeBytes) fault = cutShort;
  } catch (error) {
    fault = readFault(error);
  }
  buffer.fill(0, start + Math.min(got, sizeBytes), batch.used);
  return fault;
}

/** Header, map, data and padding. */
async function* putFile(
  batch: Batch,
  fd: number,
  entry: TarEntry,
  stats: BigIntStats,
  { signal, counts }: ArchiveOptions,
): AsyncGenerator<Uint8Array, Fault> {
  const sizeBytes = Number(stats.size);
  const pieces = findPieces(fd, stats);
  if (pieces === undefined) {
    counts.dataBytes += sizeBytes;
    yield* putHeader(batch, entry);
    const fault = yield* putPiece(batch, fd, { offset: 0, length: sizeBytes }, signal);
    yield* putZeros(batch, roundUp(sizeBytes) - sizeBytes);
    return fault;
  }
  const map = encodeSparseMap(pieces, sizeBytes);
  const dataBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  counts.dataBytes += dataBytes;
  yield* putHeader(batch, { ...entry, sizeBytes: map.length + dataBytes, sparseRealBytes: sizeBytes });
  yield* makeRoom(batch, map.length);
  batch.used += map.copy(batch.buffer, batch.used);
  let fault: Fault;
  for (const piece of pieces) fault = (yield* putPiece(batch, fd, piece, signal)) ?? fault;
  yield* putZeros(batch, roundUp(dataBytes) - dataBytes);
  return fault;
}

async function* putPiece(
  batch: Batch,
  fd: number,
  piece: Piece,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, Fault> {
  if (piece.length >= 2 * largeReadBytes) return yield* putLargePiece(batch, fd, piece, signal);
  let done = 0;
  while (done < piece.length) {
    if (batch.used === batch.buffer.length) yield* makeRoom(batch, 1);
    const wanted = Math.min(piece.length - done, batch.buffer.length - batch.used);
    let got = 0;
    let fault = cutShort;
    try {
      got = readSync(fd, batch.buffer, batch.used, wanted, piece.offset + done);
    } catch (error) {
      fault = readFault(error);
    }
    if (got === 0) {
      yield* putZeros(batch, piece.length - done);
      return fault;
    }
    batch.used += got;
    done += got;
  }
  return undefined;
}

/** Reads one buffer ahead while the one before is on its way, without blocking the event loop. */
async function* putLargePiece(
  batch: Batch,
  fd: number,
  piece: Piece,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, Fault> {
  yield* makeRoom(batch, batch.buffer.length);
  const end = piece.offset + piece.length;
  const readAt = (offset: number): Promise<Buffer | NodeJS.ErrnoException> => {
    const buffer = Buffer.allocUnsafeSlow(Math.min(largeReadBytes, end - offset));
    return new Promise((resolve) => {
      read(fd, buffer, 0, buffer.length, offset, (error, bytes) => resolve(error ?? buffer.subarray(0, bytes)));
    });
  };
  let next: Promise<Buffer | NodeJS.ErrnoException> | undefined = readAt(piece.offset);
  try {
    for (let offset = piece.offset; offset < end;) {
      const chunk = await next!;
      next = undefined;
      signal.throwIfAborted();
      if (chunk instanceof Error || chunk.length === 0) {
        yield* putZeros(batch, end - offset);
        return chunk instanceof Error ? readFault(chunk) : cutShort;
      }
      offset += chunk.length;
      if (offset < end) next = readAt(offset);
      yield chunk;
    }
    return undefined;
  } finally {
    // The descriptor is closed by our caller: not before the read in flight is over.
    await next;
  }
}

function* putZeros(batch: Batch, bytes: number): Generator<Uint8Array> {
  for (let rest = bytes; rest > 0;) {
    if (batch.used === batch.buffer.length) yield* makeRoom(batch, 1);
    const length = Math.min(rest, batch.buffer.length - batch.used);
    batch.buffer.fill(0, batch.used, batch.used + length);
    batch.used += length;
    rest -= length;
  }
}
