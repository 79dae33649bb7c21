// Which failures of a check speak of the backup, and which only of the surroundings: a server that is down says nothing about
// the backup, and must not take away the record that it once passed.

import { toAppError, type AppError, type ErrorCode } from "../domain/error.ts";

const surroundings: ReadonlySet<ErrorCode> = new Set([
  "cipher_failed",
  "disk_full",
  "source_auth_failed",
  "source_unreachable",
  "stalled",
  "storage_auth_failed",
  "storage_failed",
  "storage_unreachable",
  "timed_out",
  "tool_missing",
  "unsupported",
  "wrong_key",
]);

/** The error, when nothing can be said of the backup; undefined when it speaks against the backup. */
export function undecidedBy(error: unknown): AppError | undefined {
  const appError = toAppError(error);
  return surroundings.has(appError.code) ? appError : undefined;
}
