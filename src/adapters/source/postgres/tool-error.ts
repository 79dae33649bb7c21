// Translates how a PostgreSQL client program ended, once: its exit and the last words on stderr.

import { AppError, type ErrorCode } from "../../../domain/error.ts";
import { describeExit } from "../../process/describe-exit.ts";
import type { ToolExit } from "../../process/spawn-tool.ts";

interface Symptom {
  readonly words: RegExp;
  readonly hint: string;
  readonly code?: ErrorCode;
  readonly retryable?: boolean;
  /** Only of a dump, or only of a restore; else of both. */
  readonly of?: "source_failed" | "restore_failed";
}

// pg_dump and pg_restore print no SQLSTATE, so their English words (LC_ALL is C) are all there is.
const symptoms: readonly Symptom[] = [
  {
    words: /password authentication failed|no password supplied|no pg_hba\.conf entry/,
    code: "source_auth_failed",
    hint: "check user and password, and pg_hba.conf on the server",
  },
  {
    words: /server version mismatch|unsupported version \(.*\) in file header/,
    code: "tool_missing",
    hint: "install newer PostgreSQL client programs, or set PG_BIN_DIR",
  },
  {
    words: /could not connect|connection to server .* failed|server closed the connection|terminating connection/,
    code: "source_unreachable",
    retryable: true,
    hint: "check that the server is up and was not restarted",
  },
  {
    words: /lock timeout|due to statement timeout|could not obtain lock|lock not available/,
    retryable: true,
    hint: "somebody holds a lock on a table for long: look at pg_locks, or back up at another time",
  },
  {
    words: /No space left on device|could not extend file|Disk quota exceeded/,
    code: "disk_full",
    hint: "free space on the disk named",
  },
  {
    words: /extension "[^"]*" is not available|could not open extension control file/,
    hint: "install the extension's package on the target server",
  },
  {
    words: /role "[^"]*" does not exist/,
    hint: "restore the roles first (the globals part), or use --no-owner and --no-privileges",
  },
  { words: /permission denied/, hint: "grant the role what is named, or use one that owns the objects" },
  { words: /max_locks_per_transaction/, hint: "raise max_locks_per_transaction on the server" },
  { words: /already exists/, hint: "the target is not empty: use --mode create with a new name, or --mode drop" },
  { words: /query would be affected by row-level security/, hint: "use a role with BYPASSRLS, or the tables' owner" },
  {
    of: "source_failed",
    words:
      /(relation|table|schema|type|function|column|cache lookup).*(does not exist|failed for)|could not open relation|concurrently (updated|deleted|dropped)/,
    retryable: true,
    hint: "a table was changed or dropped meanwhile: run it again",
  },
  {
    of: "restore_failed",
    words: /(relation|table|schema|type|function|column|collation|operator class) .*does not exist/,
    hint: "what is restored refers to something that it does not bring along and the target does not have",
  },
];

/** Error lines, else the last line; never the whole flood. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const errors = lines.filter((line) => /\b(error|fatal|panic)\b:?/i.test(line));
  const chosen = errors.length > 0 ? errors.slice(-2) : lines.slice(-1);
  return chosen.map((line) => line.replace(/^pg_\w+: /, "").slice(0, 600)).join("; ");
}

/** `doing` names the program and what it was at; `code` is for what its words do not tell apart. */
export function translateToolExit(
  exit: ToolExit,
  doing: string,
  code: "source_failed" | "restore_failed" | "backup_corrupt",
): AppError {
  const words = lastWords(exit.stderr);
  const symptom =
    code === "backup_corrupt"
      ? undefined
      : symptoms.find((known) => (known.of ?? code) === code && known.words.test(exit.stderr));
  return new AppError(symptom?.code ?? code, `${doing} ${describeExit(exit)}${words === "" ? "" : `: ${words}`}`, {
    details: { exitCode: exit.code, signal: exit.signal, stderr: exit.stderr.slice(-4_000) },
    retryable: symptom?.retryable ?? exit.signal !== null,
    ...(symptom === undefined ? {} : { hint: symptom.hint }),
  });
}
