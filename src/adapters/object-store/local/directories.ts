// Directories that survive a power cut: a new name is durable only when the directory that holds it was synced.

import { dirname } from "node:path";
import { errnoOf, isMissing, type FileSystem } from "./file-system.ts";

/** File systems that cannot sync a directory say so with one of these. */
const cannotSync = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);
/** Windows does not open directories as files, and needs no sync of them. */
const syncsDirectories = process.platform !== "win32";

export async function syncDirectory(fs: FileSystem, path: string): Promise<void> {
  if (!syncsDirectories) return;
  const handle = await fs.open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!cannotSync.has(errnoOf(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** Makes a directory and its missing parents, 0700 and durable. */
export async function makeDirectories(fs: FileSystem, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      await fs.mkdir(at, { mode: 0o700 });
      missing.push(at);
      break;
    } catch (error) {
      if (errnoOf(error) === "EEXIST" && (await fs.stat(at)).isDirectory()) break;
      if (errnoOf(error) !== "ENOENT" || dirname(at) === at) throw error;
      missing.push(at);
    }
  }
  // The last one was made above, or stands already when somebody else made it meanwhile.
  for (const at of missing.toReversed()) {
    try {
      await fs.mkdir(at, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    await syncDirectory(fs, dirname(at));
  }
}

/** Removes a directory and its parents, up to but not with the root, as long as they are empty. */
export async function removeEmptyDirectories(fs: FileSystem, root: string, path: string): Promise<void> {
  for (let at = path; at !== root && at.startsWith(root); at = dirname(at)) {
    try {
      await fs.rmdir(at);
    } catch (error) {
      if (!isMissing(error)) return; // Not empty, a link, or not ours to remove: harmless.
    }
  }
}
