// What SQLite says when the state store cannot be used, with what to do about it.

import { AppError } from "../../../domain/error.ts";

const hints: readonly (readonly [prefix: string, hint: string])[] = [
  ["SQLITE_FULL", "free some space on the disk of the state store"],
  ["SQLITE_BUSY", "another process has held the state store for too long: end it, then try again"],
  ["SQLITE_LOCKED", "another process has held the state store for too long: end it, then try again"],
  ["SQLITE_READONLY", "give this user write access to the file and its directory, or choose another DATABASE_URL"],
  ["SQLITE_CANTOPEN", "give this user access to the file and its directory, or choose another DATABASE_URL"],
  ["SQLITE_PERM", "give this user access to the file and its directory, or choose another DATABASE_URL"],
  ["EACCES", "give this user access to the file and its directory, or choose another DATABASE_URL"],
  ["EROFS", "give this user access to the file and its directory, or choose another DATABASE_URL"],
  ["EISDIR", "DATABASE_URL has to name a file in a directory"],
  ["ENOTDIR", "DATABASE_URL has to name a file in a directory"],
  ["EEXIST", "DATABASE_URL has to name a file in a directory"],
  ["ENOSPC", "free some space on the disk of the state store"],
  ["SQLITE_CORRUPT", damagedHint()],
  ["SQLITE_NOTADB", damagedHint()],
  ["SQLITE_IOERR", "check the disk of the state store and its free space"],
];

export function translateSqliteError(error: unknown, location: string, action: string): AppError {
  if (error instanceof AppError) return error;
  const code = (error as { code?: unknown }).code;
  const found = typeof code === "string" ? hints.find(([prefix]) => code.startsWith(prefix)) : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  return new AppError("state_failed", `could not ${action} in the state store ${location}: ${reason}`, {
    cause: error,
    ...(found !== undefined && { hint: found[1] }),
    ...(typeof code === "string" &&
      /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(code) && { details: { refused: true } }),
    retryable: typeof code === "string" && (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")),
  });
}

function damagedHint(): string {
  return "the file is damaged or no SQLite database: move it away, then run backupctl catalog rebuild";
}
