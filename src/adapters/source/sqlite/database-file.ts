// What the file system says about a database file before SQLite is asked.

import { access, constants, stat, statfs } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";

export interface DatabaseFile {
  /** Main file and write-ahead log. */
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Throws `source_unreachable`, `source_auth_failed` or `source_failed`. */
export async function getDatabaseFile(path: string): Promise<DatabaseFile> {
  const file = await findDatabaseFile(path);
  if (file !== undefined) {
    await access(path, constants.R_OK).catch((error: unknown) => {
      throw notAllowed(path, error);
    });
    return file;
  }
  throw new AppError("source_unreachable", `the SQLite database ${path} does not exist`, {
    hint: "check database.path, and that its directory is mounted here",
  });
}

export async function findDatabaseFile(path: string): Promise<DatabaseFile | undefined> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) throw new AppError("source_failed", `${path} is no file and so no SQLite database`);
    const log = await stat(`${path}-wal`).catch(() => undefined);
    return { sizeBytes: stats.size + (log?.size ?? 0), mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid };
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw notAllowed(path, error);
  }
}

function notAllowed(path: string, error: unknown): AppError {
  const { code } = error as NodeJS.ErrnoException;
  return new AppError("source_auth_failed", `could not read the SQLite database ${path}: ${code}`, {
    cause: error,
    hint: "give this user access to the file and its directory",
  });
}

/** Temporary copies are only begun where they fit. */
export async function requireSpace(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new AppError(
    "disk_full",
    `${directory} has ${freeBytes} bytes free, a copy of the database needs ${neededBytes}`,
    {
      hint: "free some space there, or set TMP_DIR to a larger disk",
    },
  );
}

/** An error of writing a file, as ours. */
export function toWriteError(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof AppError || typeof code !== "string" || !/^E[A-Z]+$/.test(code)) return error;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new AppError("disk_full", `could not write ${path}: ${code}`, {
      cause: error,
      hint: "free some space on that disk",
    });
  return new AppError("restore_failed", `could not write ${path}: ${code}`, {
    cause: error,
    hint: "run the restore as a user who may write there, or choose another path",
  });
}
