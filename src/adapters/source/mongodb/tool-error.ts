// Translates how mongodump and mongorestore ended, once: they print no error numbers, only words.

import { AppError, type ErrorCode } from "../../../domain/error.ts";
import type { SourceContext } from "../../../ports/source.ts";
import { describeExit } from "../../process/describe-exit.ts";
import type { ToolExit } from "../../process/spawn-tool.ts";
import { collectToolWarnings, type ToolWarnings } from "../tool-warnings.ts";

const wordForms: readonly { words: RegExp; code?: ErrorCode; hint: string; retryable?: boolean }[] = [
  {
    words: /auth error|AuthenticationFailed/,
    code: "source_auth_failed",
    hint: "check user, password and auth_source, the database that holds the user",
  },
  {
    words: /server selection (error|timeout)|connection refused|no such host/i,
    code: "source_unreachable",
    hint: "check that the server is up and listens there",
    retryable: true,
  },
  {
    words: /E11000|duplicate key/,
    hint: "the target holds documents with the same keys: use --mode clean or drop, or a new name",
  },
  { words: /not authorized|\(Unauthorized\)/, hint: "give the user the role backup to dump, restore to restore" },
  {
    words: /connection .*(closed|reset)|socket was unexpectedly closed|EOF$/m,
    hint: "the connection was lost: check the server's log",
    retryable: true,
  },
];

/** Lines of failures, else the last line, without their time stamps. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.replace(/^\d{4}-\d\d-\d\dT\S+\s+/, "").trim())
    .filter((line) => line !== "");
  const failures = lines.filter((line) => /^(Failed|error|failed):?/i.test(line));
  return (failures.length > 0 ? failures.slice(-2) : lines.slice(-1)).map((line) => line.slice(0, 600)).join("; ");
}

/** `doing` names the program and what it was at; `code` is for what its words do not tell apart. */
export function translateToolExit(exit: ToolExit, doing: string, code: ErrorCode): AppError {
  const words = lastWords(exit.stderr);
  const meaning = wordForms.find((form) => form.words.test(words));
  return new AppError(meaning?.code ?? code, `${doing} ${describeExit(exit)}${words === "" ? "" : `: ${words}`}`, {
    details: { exitCode: exit.code, signal: exit.signal, stderr: exit.stderr.slice(-4_000) },
    retryable: meaning?.retryable ?? exit.signal !== null,
    ...(meaning === undefined ? {} : { hint: meaning.hint }),
  });
}

export function collectWarnings(context: SourceContext): ToolWarnings {
  return collectToolWarnings(context, (line) => /\bwarning\b|\bskipping\b/i.test(line));
}
