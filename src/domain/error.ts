// The one error of the program. Codes are a closed union, so that the tables at the edges
// (exit codes, HTTP status) do not compile until they map a new one.

export type ErrorCode =
  | "backup_corrupt" // stored bytes differ from what the manifest or the format promises
  | "backup_not_found"
  | "backup_unencrypted" // a plain backup of a project that encrypts
  | "cancelled"
  | "cipher_failed" // a cipher's tool or key material could not be used
  | "config_invalid"
  | "confirmation_required" // data would be replaced and nobody agreed to it
  | "daemon_unreachable"
  | "disk_full"
  | "hook_failed"
  | "internal"
  | "listen_failed" // an address or a socket could not be listened on
  | "interrupted" // the process of a run ended without finishing it
  | "lock_held"
  | "manifest_invalid"
  | "notification_failed"
  | "object_exists"
  | "object_not_found"
  | "partial" // some storages or projects hold the result, some do not
  | "repository_not_found" // the place answers, but nobody made a repository there
  | "restore_failed"
  | "source_auth_failed"
  | "source_failed" // the dump itself failed
  | "source_unreachable"
  | "stalled" // no byte moved for the watchdog's time
  | "state_failed"
  | "storage_auth_failed"
  | "storage_failed"
  | "storage_unreachable"
  | "target_not_empty"
  | "timed_out"
  | "tool_missing" // a client program is absent or too old
  | "unsupported"
  | "usage"
  | "verify_failed"
  | "wrong_key";

export interface AppErrorOptions {
  /** What the reader should do next, one sentence, lower case, no full stop. */
  readonly hint?: string;
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
  /** True when the same attempt may succeed later (a reset connection, a 503); never for bad credentials. */
  readonly retryable?: boolean;
}

/** Message: lower case, no full stop, names the object and what was tried. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? false;
  }
}

/** The error itself when it is ours, else an `internal` one that keeps it as its cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isSuppressed(error)) return withFailedCleanup(toAppError(error.suppressed), toAppError(error.error));
  const message = error instanceof Error ? error.message : String(error);
  return new AppError("internal", message === "" ? "an unknown error occurred" : message, { cause: error });
}

/** What `await using` throws when work failed and cleaning up after it failed as well. */
interface Suppressed {
  readonly error: unknown;
  readonly suppressed: unknown;
}

function isSuppressed(error: unknown): error is Suppressed {
  return error instanceof Error && "suppressed" in error && "error" in error;
}

/** Why the work failed is the error; what stays behind must be said too. */
function withFailedCleanup(first: AppError, cleanup: AppError): AppError {
  const { code, hint, details, retryable } = first;
  return new AppError(code, `${first.message}; cleaning up after it failed as well: ${cleanup.message}`, {
    ...(hint === undefined ? {} : { hint }),
    details,
    retryable,
    cause: first,
  });
}
