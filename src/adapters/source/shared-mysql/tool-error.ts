// Translates how a client program ended, once: its exit, and the error number in its last words on stderr.

import { AppError, type ErrorCode } from "../../../domain/error.ts";
import { describeExit } from "../../process/describe-exit.ts";
import type { ToolExit } from "../../process/spawn-tool.ts";
import { codeOf, meaningOf } from "./foreign-error.ts";

/** The forms in which the programs print the server's number. */
const numberForms = [/\bERROR (\d{4})\b/, /\bGot error: (\d{4})\b/, /\bError:? (\d{4})\b/i, /\((\d{4})\)\s*$/m];

/** What the programs find out by themselves they print without a number. */
const wordForms = [
  { words: /Error in field count for table/, errno: 1412 },
  { words: /insufficient privileges? to SHOW CREATE/, errno: 1142 },
];

export function readErrorNumber(stderr: string): number | undefined {
  for (const form of numberForms) {
    const match = form.exec(stderr);
    if (match !== null) return Number(match[1]);
  }
  return wordForms.find((form) => form.words.test(stderr))?.errno;
}

/** Error lines, else the last line; never the whole flood, nor the statement that the client repeats. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^-+$/.test(line));
  const errors = lines.filter((line) => /\berror\b/i.test(line) && !/^\[?warning\]?/i.test(line));
  const chosen = errors.length > 0 ? errors.slice(-2) : lines.slice(-1);
  return chosen.map((line) => line.replace(/^(mysql|mariadb)[\w-]*: /, "").slice(0, 600)).join("; ");
}

/** `doing` names the program and what it was at; `code` is for what its words do not tell apart. */
export function translateToolExit(exit: ToolExit, doing: string, code: ErrorCode): AppError {
  const words = lastWords(exit.stderr);
  const errno = readErrorNumber(exit.stderr);
  const meaning = meaningOf(errno);
  return new AppError(codeOf(meaning, code), `${doing} ${describeExit(exit)}${words === "" ? "" : `: ${words}`}`, {
    details: { exitCode: exit.code, signal: exit.signal, errno: errno ?? null, stderr: exit.stderr.slice(-4_000) },
    retryable: meaning?.retryable ?? exit.signal !== null,
    ...(meaning === undefined ? {} : { hint: meaning.hint }),
  });
}
