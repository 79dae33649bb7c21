// Lists a remote directory tree as keys. Folders whose names begin with a dot are never walked.

import { posix } from "node:path";
import type { Stats } from "ssh2";
import { isObjectKey } from "../object-key.ts";
import { findStats, type RemoteFiles } from "./remote-files.ts";
import { hasStatus, sftpStatus } from "./sftp-status.ts";

export interface RemoteFile {
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: number; // epoch ms
}

export interface RemoteWalk {
  readonly files: RemoteFiles;
  readonly root: string;
  /** Only keys that begin with it, and only directories that can hold such. */
  readonly prefix: string;
  /** The key's last segment that a file name, beside all names of its directory, stands for; undefined leaves it out. */
  keyName(fileName: string, beside: ReadonlySet<string>): string | undefined;
}

/** A directory that vanishes meanwhile was deleted and is left out; every other failure ends the listing. */
export async function* walkRemote(walk: RemoteWalk): AsyncGenerator<RemoteFile> {
  const slash = walk.prefix.lastIndexOf("/");
  yield* walkDirectory(walk, walk.prefix.slice(0, slash + 1), []);
}

async function* walkDirectory(walk: RemoteWalk, at: string, above: readonly string[]): AsyncGenerator<RemoteFile> {
  const { files, root, prefix } = walk;
  const path = posix.join(root, at);
  const entries = await orMissing(files.readDirectory(path));
  if (entries === undefined) return;

  const beside = new Set(entries.map(({ filename }) => filename));
  const folders: { readonly name: string; readonly isLink: boolean }[] = [];
  for (const { filename, attrs } of entries) {
    const inside = `${at}${filename}/`;
    const isLink = attrs.isSymbolicLink();
    const stats = isLink ? await findStats(files, posix.join(path, filename)) : attrs;
    if (stats === undefined) continue;
    if (stats.isDirectory()) {
      const isFolder = !filename.startsWith(".") && isObjectKey(at + filename);
      if (isFolder && (inside.startsWith(prefix) || prefix.startsWith(inside)))
        folders.push({ name: filename, isLink });
      continue;
    }
    const name = walk.keyName(filename, beside);
    if (name === undefined || !stats.isFile()) continue;
    const key = at + name;
    if (!isObjectKey(key) || !key.startsWith(prefix)) continue;
    yield { key, path: posix.join(path, filename), ...sizeAndTime(stats) };
  }

  // Links to directories are followed, as reading follows them, but never back into a directory they stand in.
  const hasLink = folders.some(({ isLink }) => isLink) || above.length > 0;
  const here = hasLink ? await orMissing(files.realPath(path)) : undefined;
  for (const { name, isLink } of folders) {
    const real = isLink ? await orMissing(files.realPath(posix.join(path, name))) : undefined;
    if (isLink && (real === undefined || isAbove(real, [...above, here ?? ""]))) continue;
    yield* walkDirectory(walk, `${at}${name}/`, here === undefined ? above : [...above, here]);
  }
}

function isAbove(real: string, directories: readonly string[]): boolean {
  return directories.some((directory) => directory === real || directory.startsWith(`${real}/`) || real === "/");
}

export function sizeAndTime({ size, mtime }: Pick<Stats, "size" | "mtime">): { sizeBytes: number; modifiedAt: number } {
  return { sizeBytes: size, modifiedAt: mtime * 1000 };
}

async function orMissing<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (hasStatus(error, sftpStatus.noSuchFile)) return undefined;
    throw error;
  }
}
