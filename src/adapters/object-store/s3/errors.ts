// The store's refusals and the network's, told apart once: by the error code of S3, else by the HTTP status, else by the
// runtime's error code.

import { AppError } from "../../../domain/error.ts";

export interface S3Failure {
  /** S3's code (`NoSuchKey`), or the runtime's (`ConnectionRefused`, `ECONNRESET`); empty when there is none. */
  readonly code: string;
  readonly status: number | undefined;
}

export function failureOf(error: unknown): S3Failure {
  if (typeof error !== "object" || error === null) return { code: "", status: undefined };
  const { name, code, Code, $metadata } = error as Record<string, unknown> & {
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  const text = [Code, status === undefined ? code : undefined, name, code].find(
    (one) => typeof one === "string" && one !== "",
  );
  return { code: typeof text === "string" ? text : "", status };
}

const authCodes = new Set([
  "AccessDenied",
  "AccountProblem",
  "AuthorizationHeaderMalformed",
  "CredentialsProviderError",
  "ExpiredToken",
  "Forbidden",
  "InvalidAccessKeyId",
  "InvalidSecurity",
  "InvalidToken",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
  "UnauthorizedAccess",
]);
const fullCodes = new Set([
  "QuotaExceeded",
  "XMinioStorageFull",
  "XMinioAdminBucketQuotaExceeded",
  "InsufficientStorage",
]);
const noConnection = new Set([
  "ConnectionRefused",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "FailedToOpenSocket",
  "DNSException",
  "UnableToResolveHost",
]);
const lostConnection = new Set([
  "ConnectionClosed",
  "ConnectionReset",
  "ECONNABORTED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "Timeout",
  "TimeoutError",
  "SocketClosed",
  "UnexpectedEOF",
]);
const passing = new Set([
  "BadDigest",
  "ConditionalRequestConflict",
  "IncompleteBody",
  "InternalError",
  "OperationAborted",
  "RequestTimeTooSkewed", // The SDK has taken over the server's clock by now.
  "RequestTimeout",
  "ServiceUnavailable",
  "SlowDown",
  "Throttling",
  "XAmzContentSHA256Mismatch",
]);

export function isMissing(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return (
    code === "NoSuchKey" ||
    code === "NotFound" ||
    (status === 404 && code !== "NoSuchBucket" && code !== "NoSuchUpload")
  );
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(failureOf(error).code);
}

/** No answer, or one that does not say whether the request was carried out. */
export function isUnclear(error: unknown): boolean {
  if (error instanceof AppError) return error.code === "storage_unreachable"; // No answer in time.
  const { code, status } = failureOf(error);
  if (status !== undefined) return status >= 500;
  return !noConnection.has(code);
}

/** The same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AppError) return error.retryable;
  const { code, status } = failureOf(error);
  if (passing.has(code) || lostConnection.has(code) || noConnection.has(code)) return true;
  if (status === undefined) return false;
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && !fullCodes.has(code));
}

export function isNoConnection(error: unknown): boolean {
  return noConnection.has(failureOf(error).code);
}

/** `what` says what was tried, as `writing shop/x.dump`. Errors of ours pass through. */
export function translateS3Error(error: unknown, what: string, location: string): unknown {
  if (error instanceof AppError) return error;
  const { code, status } = failureOf(error);
  // The answer to a HEAD has no body that could tell a code: the SDK calls that Unknown.
  const named = status !== undefined && /^(Unknown|UnknownError|\d+)$/.test(code) ? "" : code;
  const told = [named, status === undefined ? "" : `HTTP ${status}`].filter(Boolean).join(", ");
  const message = `${what} in ${location} failed: ${told === "" ? "unknown error" : told}`;
  if (fullCodes.has(code) || status === 507) {
    return new AppError("disk_full", message, {
      hint: "raise the quota (a shorter retention keeps fewer backups), then run it again",
      cause: error,
    });
  }
  if (code === "RequestTimeTooSkewed") {
    return new AppError("storage_auth_failed", message, { hint: "set this machine's clock", cause: error });
  }
  if (authCodes.has(code) || status === 401 || status === 403) {
    const hint = "check access_key, secret_key and session_token, and what they may do in this bucket";
    return new AppError("storage_auth_failed", message, { hint, cause: error });
  }
  if (noConnection.has(code)) {
    const hint = "check the endpoint, and the network between here and there";
    return new AppError("storage_unreachable", message, { hint, cause: error, retryable: true });
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code)) {
    const hint = "the store's certificate is not trusted here: set NODE_EXTRA_CA_CERTS to the file of its authority";
    return new AppError("storage_unreachable", message, { hint, cause: error });
  }
  if (code === "NoSuchBucket") {
    return new AppError("storage_failed", message, { hint: "create the bucket, or correct its name", cause: error });
  }
  if (code === "NoSuchUpload") {
    const hint = "somebody aborted the upload: look for a lifecycle rule of the bucket that does, then run it again";
    return new AppError("storage_failed", message, { hint, cause: error });
  }
  if (status === 301 || status === 307 || code === "PermanentRedirect") {
    return new AppError("storage_failed", message, { hint: "correct the region or the endpoint", cause: error });
  }
  // What is neither an answer of S3 nor a known trouble of the network is a fault of this program: not hidden.
  if (status === undefined && !lostConnection.has(code)) {
    return new AppError("storage_failed", `${message} (${error instanceof Error ? error.message : String(error)})`, {
      cause: error,
    });
  }
  return new AppError("storage_failed", message, { cause: error, retryable: isPassing(error) });
}
