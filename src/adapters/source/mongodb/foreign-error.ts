// Translates what the driver reports, once, by the server's error code or the driver's kind of error.

import {
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoParseError,
  MongoServerError,
  MongoServerSelectionError,
} from "mongodb";
import { AppError, type ErrorCode } from "../../../domain/error.ts";

interface Meaning {
  readonly code?: ErrorCode;
  readonly hint: string;
  readonly retryable?: boolean;
}

const credentials: Meaning = {
  code: "source_auth_failed",
  hint: "check user, password and auth_source, the database that holds the user",
};
const rights: Meaning = {
  hint: "give the user the role backup or read on the database, and restore or readWrite to restore into it",
};
const notPrimary: Meaning = {
  hint: "this member of the replica set takes no writes: name the set with replica_set, or the primary with host",
  retryable: true,
};

const meanings: Readonly<Record<number, Meaning>> = {
  13: rights,
  18: credentials,
  8000: credentials,
  33: credentials,
  48: { hint: "the collection exists already: use --mode drop, or a new name" },
  91: { hint: "the server is shutting down", retryable: true },
  10107: notPrimary,
  13435: notPrimary,
  11000: {
    hint: "the target holds documents with the same keys: restore with --mode clean or drop, or into a new name",
  },
};

export const unauthorized = 13;
const unreachableHint = "check that the server is up and listens there, and tls.mode";

/** The server's error code, undefined for errors of the driver itself. */
export function serverCodeOf(error: unknown): number | undefined {
  return error instanceof MongoServerError && typeof error.code === "number" ? error.code : undefined;
}

export function translateError(error: unknown, doing: string, code: "source_failed" | "restore_failed"): AppError {
  if (error instanceof AppError) return error;
  const message = (error instanceof Error ? error.message : String(error)).trim();
  const text = `${doing} failed: ${message}`;
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) {
    return new AppError("source_unreachable", text, { cause: error, retryable: true, hint: unreachableHint });
  }
  if (error instanceof MongoParseError || error instanceof MongoInvalidArgumentError) {
    return new AppError("config_invalid", text, {
      cause: error,
      hint: "check uri, tls and the other keys of the connection",
    });
  }
  const errno = serverCodeOf(error);
  const meaning = errno === undefined ? undefined : meanings[errno];
  const own = meaning?.code ?? (errno === unauthorized && code === "source_failed" ? "source_auth_failed" : code);
  return new AppError(own, text, {
    cause: error,
    details: { code: errno ?? null },
    retryable: meaning?.retryable ?? false,
    ...(meaning === undefined ? {} : { hint: meaning.hint }),
  });
}
