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
import { toFsPath } from "./byte-path.ts";
import { toRestoreError } from "./file-error.ts";
import { findLibc } from "./libc.ts";
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

/** Only places that received something: a path that was missing when the backup was made stays as it is. */
export function swapPlaces(places: readonly Place[]): void {
  findLibc()?.syncAll();
  const done: { readonly from: string; readonly to: string }[] = [];
  const move = (from: string, to: string): void => {
    renameSync(toFsPath(from), toFsPath(to));
    done.push({ from, to });
  };
  for (const place of places) {
    try {
      if (place.keepsDirectory) swapContent(place, move);
      else {
        if (exists(place.final)) move(place.final, `${place.workDir}/old`);
        moveStaged(place, move);
      }
    } catch (error) {
      for (const { from, to } of done.toReversed()) renameSync(toFsPath(to), toFsPath(from));
      throw toRestoreError(error, "put in place", place.final);
    }
  }
  findLibc()?.syncAll();
}

/** What a swap would replace: the entries of the final directory without our own work directory, 1 for a file. */
export function countExisting({ final, workDir }: Place): number {
  const stats = statSync(toFsPath(final), { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return 1;
  const own = workDir.slice(workDir.lastIndexOf("/") + 1);
  return listNames(final).filter((name) => name !== own).length;
}

function swapContent({ final, workDir, staged }: Place, move: (from: string, to: string) => void): void {
  mkdirSync(toFsPath(`${workDir}/old`), { mode: 0o700 });
  const own = workDir.slice(workDir.lastIndexOf("/") + 1);
  for (const name of listNames(final)) if (name !== own) move(`${trimRoot(final)}/${name}`, `${workDir}/old/${name}`);
  for (const name of listNames(staged)) move(`${staged}/${name}`, `${trimRoot(final)}/${name}`);
}

/** Moving a directory changes its `..`, which needs write access to the directory itself. */
function moveStaged({ staged, final }: Place, move: (from: string, to: string) => void): void {
  const stats = lstatSync(toFsPath(staged));
  const closed = stats.isDirectory() && (stats.mode & 0o200) === 0;
  if (closed) chmodSync(toFsPath(staged), (stats.mode & 0o7777) | 0o200);
  move(staged, final);
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
