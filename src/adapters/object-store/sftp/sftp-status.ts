// The server's status numbers and the connection's errors, translated once.

import { AppError } from "../../../domain/error.ts";

export const sftpStatus = {
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** An answer other than success. The protocol has few: a full disk and an existing name are both `failure`. */
export class SftpStatusError extends Error {
  override readonly name = "SftpStatusError";
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export function hasStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof SftpStatusError && statuses.includes(error.status);
}

/** `what` says what was tried, as `writing shop/x.dump`. Errors of ours, and the signal's reason, pass through. */
export function translateStatus(error: unknown, what: string, location: string): unknown {
  if (!(error instanceof SftpStatusError)) return error;
  const message = `${what} in ${location} failed: ${error.message}`;
  if (error.status === sftpStatus.permissionDenied) {
    return new AppError("storage_auth_failed", message, {
      hint: "let the login read and write the directory of the storage",
      cause: error,
    });
  }
  const isFailure = error.status === sftpStatus.failure;
  return new AppError("storage_failed", message, {
    cause: error,
    retryable: isFailure,
    ...(isFailure ? { hint: "the server gives no reason: see its log, the disk's health and the quota" } : {}),
  });
}

export function diskFull(what: string, location: string, cause: unknown): AppError {
  return new AppError("disk_full", `${what} in ${location} failed: no space is left`, {
    hint: "free some space there or raise the quota (a shorter retention keeps fewer backups), then run it again",
    cause,
  });
}

export function unreachable(location: string, why: string, cause?: unknown): AppError {
  return new AppError("storage_unreachable", `${location} cannot be reached: ${why}`, {
    hint: "see whether the host and port are right, the server runs, and the network is up",
    cause,
    retryable: true,
  });
}
