// The calls this store makes of the disk, so that a test can let any of them fail and see their order.

import * as fs from "node:fs/promises";

export type FileSystem = Pick<
  typeof fs,
  "link" | "mkdir" | "open" | "readdir" | "realpath" | "rename" | "rmdir" | "stat" | "statfs" | "unlink"
>;

export const realFileSystem: FileSystem = fs;

export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** True for the two ways in which the system says that a path leads to nothing. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}
