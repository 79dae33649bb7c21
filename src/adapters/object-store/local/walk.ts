// Lists a directory tree as keys. Names that begin with a dot are never objects: temporary files of ours, locks, the
// state store and the scratch space that share the default directory.

import { join } from "node:path";
import type { Stats } from "node:fs";
import { isObjectKey } from "../object-key.ts";
import { isMissing, type FileSystem } from "./file-system.ts";

export interface WalkedFile {
  readonly key: string;
  /** The file's own name: the key's last segment, but for a temporary file. */
  readonly path: string;
  readonly stats: Stats;
}

export interface Walk {
  readonly fs: FileSystem;
  readonly root: string;
  /** Only keys that begin with it, and only directories that can hold such. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** The key that a file name stands for; undefined leaves it out. */
  keyName(fileName: string): string | undefined;
}

const statsAtOnce = 32;

/** Throws what the disk says of the root; a place that vanishes meanwhile was deleted and is left out. */
export async function* walkFiles(walk: Walk): AsyncGenerator<WalkedFile> {
  const slash = walk.prefix.lastIndexOf("/");
  yield* walkDirectory(walk, walk.prefix.slice(0, slash + 1), []);
}

async function* walkDirectory(walk: Walk, at: string, above: readonly string[]): AsyncGenerator<WalkedFile> {
  const { fs, root, prefix, signal } = walk;
  signal.throwIfAborted();
  const path = join(root, at);
  const entries = await orMissing(fs.readdir(path, { withFileTypes: true }));
  if (entries === undefined) return;

  const folders: string[] = [];
  const files: { readonly key: string; readonly path: string }[] = [];
  for (const entry of entries) {
    const inside = `${at}${entry.name}/`;
    const isFolderName = !entry.name.startsWith(".") && isObjectKey(at + entry.name);
    if (!entry.isFile() && isFolderName && (inside.startsWith(prefix) || prefix.startsWith(inside))) {
      folders.push(entry.name);
    }
    const name = entry.isDirectory() ? undefined : walk.keyName(entry.name);
    if (name === undefined || !isObjectKey(at + name) || !(at + name).startsWith(prefix)) continue;
    files.push({ key: at + name, path: join(path, entry.name) });
  }

  for (let first = 0; first < files.length; first += statsAtOnce) {
    signal.throwIfAborted();
    const batch = files.slice(first, first + statsAtOnce);
    const found = await Promise.all(
      batch.map(async (file) => ({ ...file, stats: await orMissing(fs.stat(file.path)) })),
    );
    for (const { key, path: filePath, stats } of found) if (stats?.isFile()) yield { key, path: filePath, stats };
  }

  // Links to directories are followed, as reading follows them, but never back into a directory they stand in.
  const here = folders.length === 0 ? undefined : await orMissing(fs.realpath(path));
  if (here === undefined) return;
  for (const name of folders) {
    const real = await orMissing(fs.realpath(join(path, name)));
    if (real === undefined || above.includes(real) || real === here) continue;
    yield* walkDirectory(walk, `${at}${name}/`, [...above, here]);
  }
}

async function orMissing<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
