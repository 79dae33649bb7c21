// Unpacks an archive of files below directories that only we have made. Nothing is ever written through a symlink:
// a parent counts only when this extraction created it as a directory, and every file is created exclusively.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { showPath, toFsPath } from "./byte-path.ts";
import { toRestoreError } from "./file-error.ts";
import { findLibc } from "./libc.ts";
import { openLongPaths } from "./long-paths.ts";
import type { OwnerNames } from "./owner-names.ts";
import { readTar, type TarMember } from "./read-tar.ts";
import type { TarEntry } from "./tar-header.ts";
import type { WarningList } from "./warning-list.ts";

/** Where a member goes: below `base`, which is made by the extraction itself unless it is in `madeDirectories`. */
export interface Location {
  readonly base: string;
  /** Names below `base`; empty for the base itself. */
  readonly segments: readonly string[];
}

export interface ExtractOptions {
  readonly stream: ByteStream;
  /** Undefined: the member belongs to none of the places that are restored. */
  locate(segments: readonly string[]): Location | undefined;
  /** Directories that exist and are ours already; extended by what is extracted. */
  readonly madeDirectories: Set<string>;
  readonly owners: OwnerNames | null;
  readonly warnings: WarningList;
  readonly signal: AbortSignal;
}

export interface ExtractedCounts {
  entries: number;
  bytes: number;
}

interface Extraction extends ExtractOptions {
  readonly directories: { readonly path: string; readonly entry: TarEntry }[];
  readonly reach: (path: string) => string;
}

const turnMs = 25;
const isRoot = process.geteuid?.() === 0;

export async function extractTar(options: ExtractOptions): Promise<ExtractedCounts> {
  using longPaths = openLongPaths();
  const extraction: Extraction = { ...options, directories: [], reach: longPaths.reach };
  const counts = { entries: 0, bytes: 0 };
  let turnedAt = performance.now();
  for await (const member of readTar(options.stream)) {
    options.signal.throwIfAborted();
    if (performance.now() - turnedAt > turnMs) {
      await new Promise(setImmediate);
      turnedAt = performance.now();
    }
    counts.entries++;
    counts.bytes += member.realBytes;
    const location = options.locate(splitName(member.entry.name));
    if (location === undefined) throw escaped(member.entry.name, "it is outside of the restored paths");
    const path = claimPath(extraction, member.entry, location);
    try {
      if (member.entry.type === "file") await writeFile(extraction, path, member);
      else if (member.entry.type === "directory") extraction.directories.push({ path, entry: member.entry });
      else makeSpecial(extraction, longPaths.reach(path), member.entry);
    } catch (error) {
      throw toRestoreError(error, "restore", path);
    }
  }
  // Last and from the inside out: adding a file to a directory changes its times.
  for (const { path, entry } of extraction.directories.toReversed()) {
    try {
      const place = longPaths.reach(path);
      applyOwnerAndMode(extraction, place, entry);
      applyTimes(place, entry);
    } catch (error) {
      throw toRestoreError(error, "set owner, mode and times of", path);
    }
  }
  return counts;
}

/** Names between slashes; refuses everything that could lead out of the target. */
function splitName(name: string): readonly string[] {
  if (name.startsWith("/")) throw escaped(name, "its name is absolute");
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw escaped(name, "its name climbs with ..");
  if (name.includes("\0")) throw escaped(name, "its name holds a zero byte");
  return segments;
}

function escaped(name: string, why: string): AppError {
  return new AppError("restore_failed", `refused the member ${showPath(name)} of the archive: ${why}`, {
    hint: "this archive was not written by backupctl or was changed: do not trust it",
  });
}

function join(base: string, segments: readonly string[]): string {
  return segments.length === 0 ? base : `${base}/${segments.join("/")}`;
}

/** The path of a member after its parents were made or found to be ours, with nothing standing in its place. */
function claimPath({ madeDirectories, reach }: Extraction, entry: TarEntry, { base, segments }: Location): string {
  const parents = segments.length === 0 ? [] : [base];
  for (let count = 1; count < segments.length; count++) parents.push(join(base, segments.slice(0, count)));
  for (const parent of parents) {
    if (madeDirectories.has(parent)) continue;
    makeDirectory(parent, entry.name, reach);
    chmodSync(toFsPath(reach(parent)), 0o755);
    madeDirectories.add(parent);
  }
  const path = join(base, segments);
  if (entry.type === "directory") {
    if (madeDirectories.has(path)) return path;
    removeEarlier(path, entry.name, madeDirectories, reach);
    makeDirectory(path, entry.name, reach);
    madeDirectories.add(path);
    return path;
  }
  removeEarlier(path, entry.name, madeDirectories, reach);
  return path;
}

function makeDirectory(path: string, name: string, reach: Extraction["reach"]): void {
  try {
    mkdirSync(toFsPath(reach(path)), { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw escaped(name, "it lies below a member that is no directory");
    throw toRestoreError(error, "create the directory", path);
  }
}

/** The last member of a name wins, as in every tar; but never over a directory. */
function removeEarlier(
  path: string,
  name: string,
  madeDirectories: ReadonlySet<string>,
  reach: Extraction["reach"],
): void {
  if (madeDirectories.has(path)) throw escaped(name, "it stands in the place of a directory");
  const place = toFsPath(reach(path));
  if (lstatSync(place, { throwIfNoEntry: false }) === undefined) return;
  unlinkSync(place);
}

async function writeFile(extraction: Extraction, path: string, member: TarMember): Promise<void> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const fd = openSync(toFsPath(extraction.reach(path)), O_CREAT | O_EXCL | O_WRONLY | (O_NOFOLLOW ?? 0), 0o600);
  try {
    const { entry, pieces } = member;
    if (pieces !== null) await writeSparse(fd, member, extraction.signal);
    else {
      const content = member.tryContent();
      if (content !== undefined) writeAllSync(fd, content);
      else for await (const part of member.content()) await writeAll(fd, part, null);
    }
    const kept = applyOwner(extraction, entry, (uid, gid) => fchownSync(fd, uid, gid));
    fchmodSync(fd, kept ? entry.mode : entry.mode & 0o1777);
  } finally {
    closeSync(fd);
  }
  applyTimes(extraction.reach(path), member.entry);
}

function writeAllSync(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at);
}

async function writeAll(fd: number, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const offset = position === null ? null : position + at;
    at += await new Promise<number>((resolve, reject) => {
      write(fd, bytes, at, bytes.length - at, offset, (error, written) => (error ? reject(error) : resolve(written)));
    });
  }
}

async function writeSparse(fd: number, member: TarMember, signal: AbortSignal): Promise<void> {
  ftruncateSync(fd, member.realBytes);
  const pieces = (member.pieces ?? []).filter((piece) => piece.length > 0);
  let index = 0;
  let done = 0;
  for await (const part of member.content()) {
    signal.throwIfAborted();
    for (let at = 0; at < part.length;) {
      const piece = pieces[index]!;
      const length = Math.min(part.length - at, piece.length - done);
      await writeAll(fd, part.subarray(at, at + length), piece.offset + done);
      at += length;
      done += length;
      if (done < piece.length) continue;
      index++;
      done = 0;
    }
  }
}

function makeSpecial(extraction: Extraction, path: string, entry: TarEntry): void {
  const { warnings } = extraction;
  const target = toFsPath(path);
  if (entry.type === "link") return makeHardLink(extraction, path, entry);
  if (entry.type === "symlink") {
    symlinkSync(toFsPath(entry.linkName), target);
    applyOwner(extraction, entry, (uid, gid) => lchownSync(target, uid, gid));
    applyTimes(path, entry);
    return;
  }
  if (entry.type === "fifo") {
    if (findLibc()?.makeFifo(path, 0o600) !== true) return warnings.add("a fifo could not be created", path);
  } else {
    if (!isRoot || extraction.owners === null) return warnings.add("a device node was not created", path);
    const { major, minor } = entry.device ?? { major: 0, minor: 0 };
    const kind = entry.type === "block" ? "block" : "char";
    if (findLibc()?.makeDevice(path, kind, major, minor, 0o600) !== true)
      return warnings.add("a device node could not be created", path);
  }
  applyOwnerAndMode(extraction, path, entry);
  applyTimes(path, entry);
}

function makeHardLink({ locate, madeDirectories, warnings, reach }: Extraction, path: string, entry: TarEntry): void {
  const location = locate(splitName(entry.linkName));
  if (location === undefined) throw escaped(entry.name, "it links to a file outside of the restored paths");
  const { base, segments } = location;
  for (let count = 0; count < segments.length; count++)
    if (!madeDirectories.has(join(base, segments.slice(0, count))))
      throw escaped(entry.name, "it links to a file that is not in the archive");
  const existing = reach(join(base, segments));
  const stats = lstatSync(toFsPath(existing), { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile()) throw escaped(entry.name, "it links to no file of the archive");
  try {
    linkSync(toFsPath(existing), toFsPath(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    // The two paths are on different file systems here.
    copyFileSync(toFsPath(existing), toFsPath(path), constants.COPYFILE_EXCL);
    chmodSync(toFsPath(path), stats.mode & 0o1777);
    warnings.add("a hard link became a copy", path);
  }
}

/** True when the owner is the one of the archive, so that setuid and setgid may be restored. */
function applyOwner(
  { owners, warnings }: Extraction,
  entry: TarEntry,
  change: (uid: number, gid: number) => void,
): boolean {
  if (owners === null) return false;
  const uid = owners.userId(entry.userName, entry.uid);
  const gid = owners.groupId(entry.groupName, entry.gid);
  if (uid === process.geteuid?.() && gid === process.getegid?.()) return true;
  if (!isRoot) {
    warnings.add("the owner was not restored, which needs root", entry.name);
    return false;
  }
  change(uid, gid);
  return true;
}

function applyOwnerAndMode(extraction: Extraction, path: string, entry: TarEntry): void {
  const kept = applyOwner(extraction, entry, (uid, gid) => chownSync(toFsPath(path), uid, gid));
  chmodSync(toFsPath(path), kept ? entry.mode : entry.mode & 0o1777);
}

function applyTimes(path: string, entry: TarEntry): void {
  if (findLibc()?.setTimes(path, entry.modifiedNs) === true) return;
  const seconds = Number(entry.modifiedNs) / 1e9;
  lutimesSync(toFsPath(path), seconds, seconds);
}
