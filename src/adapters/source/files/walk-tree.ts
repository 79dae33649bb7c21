// Finds everything below the asset paths, a directory before its content and names in order. Directories and special
// files come with their stats; plain files do not, because whoever opens them asks the open file.

import { lstatSync, readdirSync, statSync, type BigIntStats } from "node:fs";
import { toBytePath, toFsPath } from "./byte-path.ts";
import type { Excludes } from "./exclude.ts";
import { openLongPaths } from "./long-paths.ts";
import type { WarningList } from "./warning-list.ts";

export interface Found {
  readonly path: string;
  readonly stats: BigIntStats | null;
  readonly isRoot: boolean;
  /** Where it is for a call to the system, until the next is found; throws like the call would. */
  reach(): string;
}

export interface WalkOptions {
  /** Byte strings, absolute and normal. A root inside another one is visited once, as a root. */
  readonly roots: readonly string[];
  readonly excludes: Excludes;
  /** Directories that are not entered: our own temporary one. */
  readonly skip: ReadonlySet<string>;
  readonly warnings: WarningList;
}

interface Level {
  readonly path: string;
  readonly identity: string;
  readonly names: readonly Name[];
  next: number;
}

interface Name {
  readonly name: string;
  /** True for a file, whose stats are not needed yet. */
  readonly isFile: boolean;
}

export function* walkTree(options: WalkOptions): Generator<Found> {
  for (const root of new Set(options.roots)) yield* walkRoot(root, options);
}

function* walkRoot(root: string, { roots, excludes, skip, warnings }: WalkOptions): Generator<Found> {
  const otherRoots = new Set(roots.filter((other) => other !== root));
  const stack: Level[] = [];
  using longPaths = openLongPaths();
  const { reach } = longPaths;
  const found = (path: string, stats: BigIntStats | null): Found => ({
    path,
    stats,
    isRoot: path === root,
    reach: () => reach(path),
  });

  function stat(path: string): BigIntStats | undefined {
    try {
      // A root that is a symlink stands for what it points to; every other symlink is kept as one.
      return (path === root ? statSync : lstatSync)(toFsPath(reach(path)), { bigint: true });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOENT")
        warnings.add(path === root ? "asset path is missing" : "vanished while the backup ran", path);
      else warnings.add(`could not be read (${code})`, path);
      return undefined;
    }
  }

  /** True when the directory is entered. */
  function enter(path: string, stats: BigIntStats): void {
    const identity = `${stats.dev}:${stats.ino}`;
    if (stack.some((level) => level.identity === identity)) {
      warnings.add("skipped a directory that contains itself", path);
      return;
    }
    try {
      stack.push({ path, identity, names: listNames(reach(path)), next: 0 });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      warnings.add(code === "ENOENT" ? "vanished while the backup ran" : `could not be read (${code})`, path);
    }
  }

  /** What was read under a directory's name may be another one's content by now. */
  function isStill({ path, identity }: Level): boolean {
    try {
      const { dev, ino } = lstatSync(toFsPath(reach(path)), { bigint: true });
      return `${dev}:${ino}` === identity;
    } catch {
      return false;
    }
  }

  const rootStats = stat(root);
  if (rootStats === undefined) return;
  yield found(root, rootStats.isFile() ? null : rootStats);
  if (rootStats.isDirectory()) enter(root, rootStats);

  for (;;) {
    const level = stack.at(-1);
    if (level === undefined) return;
    const entry = level.names[level.next++];
    if (entry === undefined) {
      if (level.path !== root && !isStill(level)) warnings.add("changed while it was read", level.path);
      stack.pop();
      continue;
    }
    const path = level.path === "/" ? `/${entry.name}` : `${level.path}/${entry.name}`;
    if (otherRoots.has(path) || skip.has(path)) continue;
    if (entry.isFile) {
      if (!excludes(path, root, false)) yield found(path, null);
      continue;
    }
    if (excludes(path, root, false)) continue;
    const stats = stat(path);
    if (stats === undefined) continue;
    const isDirectory = stats.isDirectory();
    if (isDirectory && excludes(path, root, true)) continue;
    yield found(path, stats.isFile() ? null : stats);
    if (isDirectory) enter(path, stats);
  }
}

function listNames(path: string): readonly Name[] {
  const entries = readdirSync(toFsPath(path) as string, { withFileTypes: true });
  // A replacement character stands for bytes that are no UTF-8 (or for itself): only then are raw names asked for.
  if (!entries.some((entry) => entry.name.includes("\uFFFD")))
    return entries.map((entry) => ({ name: toBytePath(entry.name), isFile: entry.isFile() })).toSorted(byName);
  return readdirSync(toFsPath(path), { encoding: "buffer" })
    .map((name) => ({ name: name.toString("latin1"), isFile: false }))
    .toSorted(byName);
}

function byName(a: Name, b: Name): number {
  return a.name < b.name ? -1 : 1;
}
