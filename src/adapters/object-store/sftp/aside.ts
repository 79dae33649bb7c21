// On a server whose rename replaces nothing the old object steps aside for the new one. Cut off in between, it is the object
// still: it is found, read, listed and deleted under its key, and is debris only once the new one has the name.

import { posix } from "node:path";
import type { Stats } from "ssh2";
import { AppError } from "../../../domain/error.ts";
import { parseTemporaryName } from "../temporary-name.ts";
import { findStats, removeIfThere, type RemoteFiles } from "./remote-files.ts";
import { hasStatus, sftpStatus } from "./sftp-status.ts";
import { asideName, parseAsideName } from "./aside-name.ts";

/** Where to look for an object, in this order; the name itself once more, for it may be given meanwhile. */
export function placesOf(path: string): readonly string[] {
  const aside = asidePath(path);
  return aside === undefined ? [path] : [path, aside, path];
}

/** Throws the server's status when the object is at none of its places. */
export async function statObject(files: RemoteFiles, path: string): Promise<Stats> {
  for (const place of placesOf(path).slice(0, -1)) {
    const stats = await findStats(files, place);
    if (stats !== undefined) return stats;
  }
  return files.stat(path);
}

/** Gives a finished file the name of another one. Whatever fails, the old or the new one is left at one of the places. */
export async function takePlace(files: RemoteFiles, temporary: string, target: string): Promise<void> {
  const aside = asidePath(target);
  if (aside === undefined) {
    throw new AppError("storage_failed", `the name of ${target} is too long to be replaced on this server`);
  }
  try {
    if ((await findStats(files, target)) !== undefined) {
      // Of a replacement that was cut off after the new object had its name.
      await removeIfThere(files, aside);
      await files.rename(target, aside);
    }
    await files.rename(temporary, target);
  } catch (error) {
    if (!(await isThere(files, target))) await files.rename(aside, target).catch(() => {});
    throw error;
  }
  // The object has its name: what is left of the old one is debris at most.
  await removeIfThere(files, aside).catch(() => {});
}

/** Before the object itself, which would otherwise be followed by its older self. */
export async function removeAside(files: RemoteFiles, path: string): Promise<void> {
  const aside = asidePath(path);
  if (aside !== undefined && !(await files.offersPosixRename())) await removeIfThere(files, aside);
}

/** The key's last segment for a listing of objects. */
export function objectName(fileName: string, beside: ReadonlySet<string>): string | undefined {
  if (!fileName.startsWith(".")) return fileName;
  const name = parseAsideName(fileName);
  return name === undefined || beside.has(name) ? undefined : name;
}

/** The key's last segment for a listing of what is left of writes that were cut off. */
export function debrisName(fileName: string, beside: ReadonlySet<string>): string | undefined {
  const name = parseAsideName(fileName);
  return name !== undefined && beside.has(name) ? name : parseTemporaryName(fileName);
}

/** True for an object that stepped aside and has no successor. */
export async function isStillObject(files: RemoteFiles, path: string): Promise<boolean> {
  const name = parseAsideName(posix.basename(path));
  return name !== undefined && !(await isThere(files, posix.join(posix.dirname(path), name)));
}

function asidePath(path: string): string | undefined {
  const aside = asideName(posix.basename(path));
  return aside && posix.join(posix.dirname(path), aside);
}

/** When nobody can tell, it may be there. */
async function isThere(files: RemoteFiles, path: string): Promise<boolean> {
  try {
    await files.stat(path);
    return true;
  } catch (error) {
    return !hasStatus(error, sftpStatus.noSuchFile);
  }
}
