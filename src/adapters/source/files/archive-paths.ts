// Writes the tar stream, from a thread that may wait for the disk. What is declared in a header is what follows: a file
// that shrinks while it is read is filled with zeros, one that grows is cut, and both are warned of, so that one busy
// file never breaks the archive.

import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type BigIntStats } from "node:fs";
import type { BlockSink } from "../../thread/serve-blocks.ts";
import { toFsPath, toMemberName } from "./byte-path.ts";
import { fromDeviceNumber } from "./libc.ts";
import type { OwnerNames } from "./owner-names.ts";
import { encodeSparseMap, findPieces, type Piece } from "./sparse-map.ts";
import { maxHeaderBytes, roundUp, writeHeader, type TarEntry, type TarType } from "./tar-header.ts";
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
  /** Filled in while the archive is written. */
  readonly counts: ArchiveCounts;
  readonly out: Pick<BlockSink, "room" | "advance" | "put" | "isStopped">;
}

/** Ends early, without an error, when nobody reads on. */
export function archivePaths(options: ArchiveOptions): void {
  const links = new Map<string, string>();
  for (const found of walkTree(options)) {
    if (options.out.isStopped) return;
    if (found.stats === null) archivePlain(found, links, options);
    else archiveSpecial(found, found.stats, options);
  }
  options.out.put(endMark);
}

const endMark = new Uint8Array(1024);

function archiveSpecial(found: Found, stats: BigIntStats, options: ArchiveOptions): void {
  const entry = describeSpecial(found, stats, options);
  if (entry === undefined) return;
  putHeader(entry, options);
  options.counts.entries++;
  if (entry.type === "directory") options.counts.directories++;
}

function archivePlain(found: Found, links: Map<string, string>, options: ArchiveOptions): void {
  const { counts, warnings } = options;
  const fd = openPlain(found, options);
  if (fd === undefined) return;
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) {
      warnings.add("changed while it was read", found.path);
      return;
    }
    counts.entries++;
    if (before.nlink > 1n) {
      const identity = `${before.dev}:${before.ino}`;
      const linkName = links.get(identity);
      if (linkName !== undefined) {
        putHeader({ ...describe("link", found.path, before, options), linkName }, options);
        return;
      }
      links.set(identity, toMemberName(found.path));
    }
    counts.files++;
    counts.bytes += Number(before.size);
    const fault = putFile(fd, describe("file", found.path, before, options), before, options);
    if (fault !== undefined) warnings.add(fault, found.path);
    else if (before.size > unwatchedBytes && hasChanged(fd, before))
      warnings.add("changed while it was read", found.path);
  } finally {
    closeSync(fd);
  }
}

/** What one system call reads at once is one view of the file. */
const unwatchedBytes = 64 * 1024;

function hasChanged(fd: number, before: BigIntStats): boolean {
  const after = fstatSync(fd, { bigint: true });
  return after.size !== before.size || after.mtimeNs !== before.mtimeNs;
}

function openPlain({ path, isRoot, reach }: Found, { warnings }: ArchiveOptions): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    // Not following and not blocking: what was a file a moment ago may be a symlink or a fifo now.
    return openSync(toFsPath(reach()), O_RDONLY | (O_NONBLOCK ?? 0) | (isRoot ? 0 : (O_NOFOLLOW ?? 0)));
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

function describeSpecial({ path, reach }: Found, stats: BigIntStats, options: ArchiveOptions): TarEntry | undefined {
  const { warnings } = options;
  if (stats.isDirectory()) return describe("directory", path, stats, options);
  if (stats.isFIFO()) return describe("fifo", path, stats, options);
  if (stats.isSymbolicLink()) {
    try {
      const linkName = readlinkSync(toFsPath(reach()), { encoding: "buffer" }).toString("latin1");
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

function putHeader(entry: TarEntry, { out }: ArchiveOptions): void {
  const mostBytes = maxHeaderBytes(entry);
  const room = out.room();
  if (mostBytes <= room.length) {
    out.advance(writeHeader(room, 0, entry));
    return;
  }
  const buffer = new Uint8Array(mostBytes);
  out.put(buffer.subarray(0, writeHeader(buffer, 0, entry)));
}

/** What went wrong with a file whose missing bytes were filled with zeros. */
type Fault = string | undefined;

const cutShort: Fault = "changed while it was read";

function readFault(error: unknown): Fault {
  return `could not be read to its end (${(error as NodeJS.ErrnoException).code})`;
}

/** Header, map, data and padding. */
function putFile(fd: number, entry: TarEntry, stats: BigIntStats, options: ArchiveOptions): Fault {
  const { counts, out } = options;
  const sizeBytes = Number(stats.size);
  const pieces = findPieces(fd, stats);
  if (pieces === undefined) {
    counts.dataBytes += sizeBytes;
    putHeader(entry, options);
    const fault = putPiece(fd, { offset: 0, length: sizeBytes }, sizeBytes, options);
    putZeros(roundUp(sizeBytes) - sizeBytes, options);
    return fault;
  }
  const map = encodeSparseMap(pieces, sizeBytes);
  const dataBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  counts.dataBytes += dataBytes;
  putHeader({ ...entry, sizeBytes: map.length + dataBytes, sparseRealBytes: sizeBytes }, options);
  out.put(map);
  let fault: Fault;
  for (const piece of pieces) fault = putPiece(fd, piece, sizeBytes, options) ?? fault;
  putZeros(roundUp(dataBytes) - dataBytes, options);
  return fault;
}

/** One byte more than declared is asked for at the file's end, which shows one that has grown. */
function putPiece(fd: number, piece: Piece, fileBytes: number, options: ArchiveOptions): Fault {
  const { out } = options;
  const end = piece.offset + piece.length;
  for (let offset = piece.offset; offset < end;) {
    if (out.isStopped) return undefined;
    const room = out.room();
    const wanted = Math.min(end - offset, room.length);
    const more = offset + wanted === fileBytes && wanted < room.length ? 1 : 0;
    let got = 0;
    let fault = cutShort;
    try {
      got = readSync(fd, room, 0, wanted + more, offset);
    } catch (error) {
      fault = readFault(error);
    }
    if (got === 0) {
      putZeros(end - offset, options);
      return fault;
    }
    out.advance(Math.min(got, wanted));
    offset += Math.min(got, wanted);
    if (got > wanted) return cutShort;
  }
  return undefined;
}

function putZeros(bytes: number, { out }: ArchiveOptions): void {
  for (let rest = bytes; rest > 0 && !out.isStopped;) {
    const room = out.room();
    const count = Math.min(rest, room.length);
    room.fill(0, 0, count);
    out.advance(count);
    rest -= count;
  }
}
