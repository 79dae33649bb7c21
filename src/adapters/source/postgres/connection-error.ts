// Translates what the driver reports, once: by SQLSTATE, errno or TLS code.

import { AppError } from "../../../domain/error.ts";
import type { PostgresConfig } from "./config.ts";

const unreachableErrnos = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EPIPE",
  "ENOENT",
  "EACCES",
]);

export interface ForeignError {
  /** SQLSTATE, errno or TLS code. */
  readonly code: string | undefined;
  readonly message: string;
}

export function readForeignError(error: unknown): ForeignError {
  const code = (error as { code?: unknown } | null)?.code;
  const message = error instanceof Error ? error.message : String(error);
  return { code: typeof code === "string" ? code : undefined, message: message.trim() };
}

export function isSqlState(code: string | undefined): code is string {
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !unreachableErrnos.has(code);
}

export function describeServer(config: PostgresConfig): string {
  return config.host.startsWith("/") ? `${config.host} port ${config.port}` : `${config.host}:${config.port}`;
}

/** An attempt to connect that failed. 3D000 is translated by the caller, who can list the databases there are. */
export function translateConnectError(error: unknown, config: PostgresConfig, database: string): AppError {
  if (error instanceof AppError) return error;
  const { code, message } = readForeignError(error);
  const server = describeServer(config);
  const attempt = `connecting to PostgreSQL database "${database}" on ${server} as "${config.user ?? "the system user"}" failed`;
  const details = { code: code ?? null };
  if (isSqlState(code)) {
    if (code.startsWith("28")) return authFailed(attempt, message, error, details);
    if (code === "53300" || code === "57P03" || code === "57P01" || code.startsWith("08")) {
      return unreachable(
        attempt,
        message,
        error,
        details,
        "check that the server has started and has free connections",
      );
    }
    return new AppError("source_failed", `${attempt}: ${message}`, { cause: error, details });
  }
  if (message.startsWith("SASL") || message.includes("password must be a string")) {
    return authFailed(attempt, message, error, details);
  }
  if (code === undefined ? message.includes("SSL") : !unreachableErrnos.has(code)) {
    return new AppError("source_unreachable", `${attempt}: TLS was refused: ${message}`, {
      cause: error,
      details,
      hint: "check tls.mode, tls.ca_path and the name in the server's certificate",
    });
  }
  return unreachable(
    attempt,
    message,
    error,
    details,
    `check that PostgreSQL listens on ${server} and that no firewall is between`,
  );
}

function authFailed(attempt: string, message: string, cause: unknown, details: Record<string, unknown>): AppError {
  return new AppError("source_auth_failed", `${attempt}: ${message}`, {
    cause,
    details,
    hint: "check user and password, and pg_hba.conf on the server",
  });
}

function unreachable(
  attempt: string,
  message: string,
  cause: unknown,
  details: Record<string, unknown>,
  hint: string,
): AppError {
  return new AppError("source_unreachable", `${attempt}: ${message}`, { cause, details, hint, retryable: true });
}

/** A query that failed on an open connection. */
export function translateQueryError(error: unknown, doing: string, code: "source_failed" | "restore_failed"): AppError {
  if (error instanceof AppError) return error;
  const foreign = readForeignError(error);
  const details = { code: foreign.code ?? null };
  if (!isSqlState(foreign.code) || foreign.code.startsWith("08") || foreign.code.startsWith("57P")) {
    return new AppError("source_unreachable", `${doing} failed, the connection was lost: ${foreign.message}`, {
      cause: error,
      details,
      retryable: true,
    });
  }
  if (foreign.code === "53100") {
    return new AppError("disk_full", `${doing} failed, the server's disk is full: ${foreign.message}`, {
      cause: error,
      details,
    });
  }
  return new AppError(code, `${doing} failed: ${foreign.message}`, { cause: error, details });
}
