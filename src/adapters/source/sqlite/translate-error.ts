// SQLite's result codes as our errors, by what was being done.

import { AppError, type ErrorCode } from "../../../domain/error.ts";
import { SqliteError } from "./run-child.ts";

export type Attempt = "read" | "verify" | "restore";

interface Meaning {
  readonly prefix: string;
  readonly codes: Readonly<Record<Attempt, ErrorCode>>;
  readonly hint?: string;
  readonly retryable?: boolean;
}

const same = (code: ErrorCode): Readonly<Record<Attempt, ErrorCode>> => ({ read: code, verify: code, restore: code });
const damage = { read: "source_failed", verify: "backup_corrupt", restore: "backup_corrupt" } as const;
const plain = { read: "source_failed", verify: "verify_failed", restore: "restore_failed" } as const;

const meanings: readonly Meaning[] = [
  {
    prefix: "SQLITE_FULL",
    codes: same("disk_full"),
    hint: "free some space in TMP_DIR and on the disk of the database",
  },
  {
    prefix: "SQLITE_IOERR_WRITE",
    codes: same("disk_full"),
    hint: "free some space in TMP_DIR and on the disk of the database",
  },
  { prefix: "SQLITE_NOTADB", codes: damage, hint: "the file is encrypted or is no SQLite database" },
  {
    prefix: "SQLITE_CORRUPT",
    codes: damage,
    hint: "run PRAGMA integrity_check on it, and restore the last good backup",
  },
  {
    prefix: "SQLITE_BUSY",
    codes: plain,
    hint: "another process holds the database: try again when it is done, or stop it",
    retryable: true,
  },
  {
    prefix: "SQLITE_LOCKED",
    codes: plain,
    hint: "another process holds the database: try again when it is done",
    retryable: true,
  },
  {
    prefix: "SQLITE_READONLY_ROLLBACK",
    codes: plain,
    hint: "a crash left a transaction to be undone, which needs write access: open the database once with its application",
  },
  {
    prefix: "SQLITE_ERROR_MISSING_COLLSEQ",
    codes: { ...plain, read: "unsupported" },
    hint: "its indexes use a collation that only its application has: let that application write a backup in a pre_backup hook",
  },
  { prefix: "SQLITE_READONLY", codes: plain, hint: sharingHint() },
  { prefix: "SQLITE_CANTOPEN", codes: plain, hint: sharingHint() },
  {
    prefix: "SQLITE_PERM",
    codes: { ...plain, read: "source_auth_failed" },
    hint: "give this user read access to the database",
  },
  {
    prefix: "SQLITE_AUTH",
    codes: { ...plain, read: "source_auth_failed" },
    hint: "give this user read access to the database",
  },
];

export function translateSqliteError(error: unknown, attempt: Attempt, path: string): unknown {
  if (!(error instanceof SqliteError)) return error;
  const meaning = meanings.find(({ prefix }) => error.code.startsWith(prefix));
  const message = `could not ${attempt} the SQLite database ${path}: ${error.message} (${error.code})`;
  return new AppError(meaning?.codes[attempt] ?? plain[attempt], message, {
    cause: error,
    ...(meaning?.hint !== undefined && { hint: meaning.hint }),
    retryable: meaning?.retryable ?? false,
  });
}

function sharingHint(): string {
  return "check the path and its permissions; in WAL mode the directory has to be writable, because readers share a -shm file there";
}
