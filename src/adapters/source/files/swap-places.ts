// Puts restored trees in the place of what was there. Everything is a rename within one file system, done for all
// places before anything old is removed, and undone in reverse when one of them fails.

import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { AppError } from "../../../domain/error.ts";
import { showPath, toFsPath } from "./byte-path.ts";
import { toRestoreError } from "./file-error.ts";
import { findLibc, type Libc } from "./libc.ts";
import { removeTree } from "./remove-tree.ts";

/** One path that is restored; `staged` is where its new content is made. All are byte strings. */
export interface Place {
  /** Path within the archive, without a leading slash; empty for everything. */
  readonly member: string;
  readonly final: string;
  /** Private directory that holds `staged`, and what was replaced until the end. */
  readonly workDir: string;
  readonly staged: string;
  /** The final directory stays (it is a mount point) and its content is exchanged. */
  readonly keepsDirectory: boolean;
  /** Parent directories that were created for this place, outermost first. */
  readonly createdParents: readonly string[];
}

export function openPlace(member: string, path: string): Place {
  try {
    const final = resolveFinal(path);
    const createdParents = makeParents(parentOf(final));
    const keepsDirectory = isMountPoint(final);
    const workDir = `${keepsDirectory ? final : trimRoot(parentOf(final))}/.backupctl-restore-${randomBytes(6).toString("hex")}`;
    mkdirSync(toFsPath(workDir), { mode: 0o700 });
    if (member === "") makeLike(`${workDir}/new`, final);
    return { member, final, workDir, staged: `${workDir}/new`, keepsDirectory, createdParents };
  } catch (error) {
    throw toRestoreError(error, "prepare the restore of", path);
  }
}

/** A directory that takes the place of an existing one keeps its owner and mode; the archive says nothing of it. */
function makeLike(path: string, existing: string): void {
  mkdirSync(toFsPath(path), { mode: 0o755 });
  const stats = statSync(toFsPath(existing), { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (process.geteuid?.() === 0) chownSync(toFsPath(path), stats.uid, stats.gid);
  chmodSync(toFsPath(path), stats.mode & 0o7777);
}

/** A place that was never swapped in disappears without a trace. */
export function closePlace(place: Place): void {
  removeTree(place.workDir);
  for (const parent of place.createdParents.toReversed()) {
    try {
      rmdirSync(toFsPath(parent));
    } catch {
      return; // Something is in it.
    }
  }
}

interface Move {
  readonly from: string;
  readonly to: string;
  readonly exchanged: boolean;
}

/**
 * Only places that received something: a path that was missing when the backup was made stays as it is. When even
 * going back fails, the error's `details.kept` is true and the work directories hold what was there: leave them.
 */
export function swapPlaces(places: readonly Place[], libc: Libc | undefined = findLibc()): void {
  libc?.syncAll();
  const done: Move[] = [];
  for (const place of places) {
    try {
      if (place.keepsDirectory) swapContent(place, done);
      else keepingMode(place, () => swapWhole(place, done, libc));
    } catch (error) {
      const cause = toRestoreError(error, "put in place", place.final);
      undo(done, libc, cause);
      throw cause;
    }
  }
  libc?.syncAll();
}

function swapWhole({ final, staged, workDir }: Place, done: Move[], libc: Libc | undefined): void {
  if (exists(final)) {
    // In one step where it can be done: a crash finds either the old content or the new under the name.
    if (libc?.exchange(staged, final) === true) {
      done.push({ from: staged, to: final, exchanged: true });
      return;
    }
    move(final, `${workDir}/old`, done);
  }
  move(staged, final, done);
}

function move(from: string, to: string, done: Move[]): void {
  renameSync(toFsPath(from), toFsPath(to));
  done.push({ from, to, exchanged: false });
}

function undo(done: readonly Move[], libc: Libc | undefined, cause: AppError): void {
  for (const { from, to, exchanged } of done.toReversed()) {
    try {
      if (!exchanged) renameSync(toFsPath(to), toFsPath(from));
      else if (libc?.exchange(from, to) !== true) throw new Error("the paths could not be exchanged back");
    } catch (error) {
      throw new AppError("restore_failed", `${cause.message}; going back failed too at ${showPath(from)}`, {
        cause: error,
        hint: `what was there is in ${showPath(parentOf(exchanged ? from : to))}: put it back by hand`,
        details: { kept: true },
      });
    }
  }
}

/** What a swap would replace: the entries of the final directory without our own work directory, 1 for a file. */
export function countExisting({ final, workDir }: Place): number {
  const stats = statSync(toFsPath(final), { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return 1;
  const own = workDir.slice(workDir.lastIndexOf("/") + 1);
  return listNames(final).filter((name) => name !== own).length;
}

function swapContent({ final, workDir, staged }: Place, done: Move[]): void {
  mkdirSync(toFsPath(`${workDir}/old`), { mode: 0o700 });
  const own = workDir.slice(workDir.lastIndexOf("/") + 1);
  const within = trimRoot(final);
  for (const name of listNames(final)) if (name !== own) move(`${within}/${name}`, `${workDir}/old/${name}`, done);
  for (const name of listNames(staged)) move(`${staged}/${name}`, `${within}/${name}`, done);
  const stats = statSync(toFsPath(staged));
  if (process.geteuid?.() === 0) chownSync(toFsPath(final), stats.uid, stats.gid);
  chmodSync(toFsPath(final), stats.mode & 0o7777);
}

/** Moving a directory changes its `..`, which needs write access to the directory itself. */
function keepingMode({ staged, final }: Place, put: () => void): void {
  const stats = lstatSync(toFsPath(staged));
  const closed = stats.isDirectory() && (stats.mode & 0o200) === 0;
  if (closed) chmodSync(toFsPath(staged), (stats.mode & 0o7777) | 0o200);
  put();
  if (closed) chmodSync(toFsPath(final), stats.mode & 0o7777);
}

export function listNames(path: string): readonly string[] {
  return readdirSync(toFsPath(path), { encoding: "buffer" }).map((name) => name.toString("latin1"));
}

/** Symlinks that stand for a directory are kept: what they point to is replaced. */
function resolveFinal(path: string): string {
  const stats = lstatSync(toFsPath(path), { throwIfNoEntry: false });
  if (stats?.isSymbolicLink() !== true || !existsSync(toFsPath(path))) return path;
  return realpathSync(toFsPath(path), { encoding: "buffer" }).toString("latin1");
}

function makeParents(path: string): readonly string[] {
  if (exists(path)) return [];
  const above = makeParents(parentOf(path));
  mkdirSync(toFsPath(path), { mode: 0o755 });
  return [...above, path];
}

function isMountPoint(path: string): boolean {
  if (path === "/") return true;
  const stats = statSync(toFsPath(path), { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.dev !== statSync(toFsPath(parentOf(path))).dev;
}

function exists(path: string): boolean {
  return lstatSync(toFsPath(path), { throwIfNoEntry: false }) !== undefined;
}

export function parentOf(path: string): string {
  const parent = path.slice(0, path.lastIndexOf("/"));
  return parent === "" ? "/" : parent;
}

function trimRoot(path: string): string {
  return path === "/" ? "" : path;
}
