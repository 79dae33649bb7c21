// Translates what the server and its client programs report, once, by the server's error number.

import { AppError, type ErrorCode } from "../../../domain/error.ts";

export interface Meaning {
  readonly code?: ErrorCode;
  /** Of a backup only: in a restore the connection's rights are one reason among many. */
  readonly sourceCode?: ErrorCode;
  readonly hint: string;
  readonly retryable?: boolean;
}

const auth = (hint: string): Meaning => ({ code: "source_auth_failed", hint });
const away = (hint: string): Meaning => ({ code: "source_unreachable", hint, retryable: true });
const full: Meaning = { code: "disk_full", hint: "free space on the server's disk" };
const again = (hint: string): Meaning => ({ hint, retryable: true });

const credentials = auth("check user and password, and from which hosts the user may connect");
const grant: Meaning = {
  hint: "grant the user what is named; docs/restore lists all that a backup and a restore need",
  sourceCode: "source_auth_failed",
};
const lost = away(
  "check that the server is up, was not restarted, and has a net_write_timeout that suits a slow storage",
);
const definer: Meaning = {
  hint: "create the missing user first, or restore with --no-owner, which makes you the definer",
};
const newer: Meaning = {
  hint: "the dump comes from a newer server, or from the other of MySQL and MariaDB: restore it on a server like its own",
};

const meanings: Readonly<Record<number, Meaning>> = {
  1021: full,
  1030: { hint: "look into the server's error log, a disk may be full" },
  1114: full,
  3675: full,
  1040: away("the server has no free connection: raise max_connections, or back up at another time"),
  1044: grant,
  1045: credentials,
  1130: credentials,
  1142: grant,
  1143: grant,
  1370: grant,
  1698: credentials,
  1862: auth("the password has expired: set a new one"),
  1820: auth("the password has expired: set a new one"),
  3118: auth("the account is locked"),
  4151: auth("the account is locked"),
  1251: auth("the account uses a login method that the client does not know"),
  1524: auth("the account uses a login method that the server has not loaded"),
  2059: auth("the account uses a login method that the client does not know"),
  2061: auth("the account's login method needs TLS: set tls.mode to require"),
  3159: auth("the server accepts only encrypted connections: set tls.mode to require"),
  1049: { hint: "check the name of the database" },
  1050: { hint: "the target is not empty: use --mode create with a new name, or --mode drop" },
  1062: { hint: "the target holds rows with the same keys: restore with --mode clean or drop, or into a new name" },
  1064: newer,
  1115: newer,
  1273: newer,
  1286: newer,
  1193: newer,
  1231: newer,
  1305: { hint: "a routine is missing on the server" },
  1118: newer,
  1128: newer,
  1253: newer,
  4161: newer,
  1146: again("a table is missing: it was dropped meanwhile, or the target has no such table"),
  1051: again("a table was dropped meanwhile: run it again"),
  1356: { hint: "the view is invalid: repair or drop it, or put it into options.exclude_tables" },
  1412: again(
    "a table was changed while it was dumped: keep ALTER TABLE away from the time of the backup, it will be tried again",
  ),
  1153: { hint: "raise max_allowed_packet on the server above the largest row (a BLOB needs twice its size)" },
  1205: again("somebody holds a lock for long: look at SHOW PROCESSLIST, or back up at another time"),
  1213: again("run it again"),
  3572: again("run it again"),
  1227: { hint: "the user lacks a privilege that is named; for definers, restore with --no-owner" },
  1396: definer,
  1449: definer,
  4006: definer,
  4007: definer,
  1418: { hint: "set log_bin_trust_function_creators = 1 on the server, or restore as a user with SUPER" },
  1419: { hint: "set log_bin_trust_function_creators = 1 on the server, or restore as a user with SUPER" },
  3024: again("max_execution_time of the server ended the query: set it to 0 for this user"),
  1969: again("max_statement_time of the server ended the query: set it to 0 for this user"),
  1290: { hint: "the server runs with an option that forbids it; is it a read-only replica?" },
  1053: lost,
  1152: lost,
  1158: lost,
  1159: lost,
  1160: lost,
  1161: lost,
  1184: lost,
  1927: lost,
  1317: lost,
  4031: lost,
  2002: away("check that the server is up and listens there"),
  2003: away("check that the server is up and listens there"),
  2005: away("check the name of the host"),
  2006: away(
    "the server closed the connection: raise its max_allowed_packet above the largest row (a BLOB needs twice its size), or check that it was not restarted",
  ),
  2013: lost,
  2055: lost,
  2026: { code: "source_unreachable", hint: "check tls.mode, tls.ca_path and the name in the server's certificate" },
};

/** Undefined when the number says nothing special. */
export function meaningOf(errno: number | undefined): Meaning | undefined {
  return errno === undefined ? undefined : meanings[errno];
}

export function codeOf(meaning: Meaning | undefined, otherwise: ErrorCode): ErrorCode {
  return meaning?.code ?? (otherwise === "restore_failed" ? undefined : meaning?.sourceCode) ?? otherwise;
}

export interface ForeignError {
  /** The server's number; 2000 to 2999 are those of the client library. */
  readonly errno: number | undefined;
  /** `ER_…`, an errno such as ECONNREFUSED, or a TLS code. */
  readonly code: string | undefined;
  readonly message: string;
}

export function readForeignError(error: unknown): ForeignError {
  const { errno, code } = (error ?? {}) as { errno?: unknown; code?: unknown };
  return {
    // The runtime's own errors carry a negative errno.
    errno: typeof errno === "number" && errno >= 1000 ? errno : undefined,
    code: typeof code === "string" ? code : undefined,
    message: (error instanceof Error ? error.message : String(error)).trim(),
  };
}

const lostCodes = new Set([
  "PROTOCOL_CONNECTION_LOST",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "PROTOCOL_SEQUENCE_TIMEOUT",
]);

/** A query that failed on an open connection. */
export function translateQueryError(error: unknown, doing: string, code: "source_failed" | "restore_failed"): AppError {
  if (error instanceof AppError) return error;
  const foreign = readForeignError(error);
  const meaning = foreign.code !== undefined && lostCodes.has(foreign.code) ? lost : meaningOf(foreign.errno);
  return new AppError(codeOf(meaning, code), `${doing} failed: ${foreign.message}`, {
    cause: error,
    details: { errno: foreign.errno ?? null, code: foreign.code ?? null },
    retryable: meaning?.retryable ?? false,
    ...(meaning === undefined ? {} : { hint: meaning.hint }),
  });
}
