// Our own connection to a server, beside those of the client programs.

import { userInfo } from "node:os";
import { createConnection, type Connection, type ConnectionOptions, type SslOptions } from "mysql2";
import { AppError } from "../../../domain/error.ts";
import type { MysqlFamilyConfig } from "./connection-config.ts";
import { meaningOf, readForeignError, translateQueryError } from "./foreign-error.ts";
import type { Flavour } from "./flavour.ts";
import { describeServer, planTlsAttempts, socketOf } from "./tls.ts";

const connectTimeoutMs = 15_000;
const lockWaitSeconds = 60;

export interface ServerConnection extends AsyncDisposable {
  readonly encrypted: boolean;
  /** Throws the driver's own error, with the server's number in `errno`, or the signal's reason. */
  query<Row extends object>(sql: string): Promise<Row[]>;
  /** The same, but errors are translated; `doing` begins their message. */
  run<Row extends object>(doing: string, sql: string): Promise<Row[]>;
}

export interface Login {
  readonly flavour: Flavour;
  readonly config: MysqlFamilyConfig;
}

export interface ConnectOptions {
  /** Undefined: no database is chosen. */
  readonly database?: string | undefined;
  readonly signal: AbortSignal;
  readonly errorCode?: "source_failed" | "restore_failed";
}

export function userOf(config: MysqlFamilyConfig): string {
  return config.user ?? userInfo().username;
}

export async function connect(login: Login, options: ConnectOptions): Promise<ServerConnection> {
  const { signal } = options;
  signal.throwIfAborted();
  const { connection, encrypted } = await openConnection(login, options);
  const onAbort = (): void => connection.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  // A connection that dies while idle is reported by the next query.
  connection.on("error", () => {});

  async function query<Row extends object>(sql: string): Promise<Row[]> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const aborted = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", aborted, { once: true });
      connection.query(sql, (error: unknown, rows: unknown) => {
        signal.removeEventListener("abort", aborted);
        if (error === null || error === undefined) resolve(rows as Row[]);
        else reject(signal.aborted ? (signal.reason as Error) : (error as Error));
      });
    });
  }

  return {
    encrypted,
    query,
    async run<Row extends object>(doing: string, sql: string) {
      try {
        return await query<Row>(sql);
      } catch (error) {
        signal.throwIfAborted();
        throw translateQueryError(error, doing, options.errorCode ?? "source_failed");
      }
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", onAbort);
      const ended = new Promise<void>((resolve) => connection.end(() => resolve()));
      await Promise.race([ended, Bun.sleep(1_000)]);
      connection.destroy();
    },
  };
}

async function openConnection(
  login: Login,
  options: ConnectOptions,
): Promise<{ connection: Connection; encrypted: boolean }> {
  const { config } = login;
  const attempts = await planTlsAttempts(config).catch((error: unknown) => {
    const { message } = readForeignError(error);
    throw new AppError("config_invalid", `a TLS file for ${describeServer(config)} cannot be read: ${message}`, {
      cause: error,
    });
  });
  for (const [index, ssl] of attempts.entries()) {
    const connection = createConnection(connectionOptions(config, options.database, ssl));
    try {
      await waitUntilConnected(connection, options.signal);
      await prepareSession(connection);
      return { connection, encrypted: ssl !== undefined };
    } catch (error) {
      connection.destroy();
      options.signal.throwIfAborted();
      if (index + 1 < attempts.length && mayTryPlain(error)) continue;
      throw translateConnectError(error, login, options);
    }
  }
  throw new AppError("internal", "no way to connect was planned");
}

function connectionOptions(
  config: MysqlFamilyConfig,
  database: string | undefined,
  ssl: SslOptions | undefined,
): ConnectionOptions {
  const socketPath = socketOf(config);
  const proveBySocket = () => () => Buffer.alloc(0);
  return {
    ...(socketPath === undefined ? { host: config.host, port: config.port } : { socketPath }),
    user: userOf(config),
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(database === undefined ? {} : { database }),
    ...(ssl === undefined ? {} : { ssl }),
    charset: "utf8mb4",
    connectTimeout: connectTimeoutMs,
    dateStrings: true,
    supportBigNumbers: true,
    flags: ["-LOCAL_FILES"],
    authPlugins: { unix_socket: proveBySocket, auth_socket: proveBySocket },
  };
}

/** An abort ends the wait at once; the driver's own time-out covers the rest. */
function waitUntilConnected(connection: Connection, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    connection.on("error", reject);
    connection.connect((error: unknown) => {
      signal.removeEventListener("abort", onAbort);
      if (error === null || error === undefined) resolve();
      else reject(error as Error);
    });
  });
}

/** Settings of the server must neither cut long queries nor change how names and strings are written. */
function prepareSession(connection: Connection): Promise<void> {
  const sql = `SET SESSION sql_mode = '', lock_wait_timeout = ${lockWaitSeconds}, wait_timeout = 86400, net_read_timeout = 600, net_write_timeout = 600`;
  return new Promise((resolve, reject) => {
    connection.query(sql, (error: unknown) =>
      error === null || error === undefined ? resolve() : reject(error as Error),
    );
  });
}

/** `prefer`: no TLS on the server, or a handshake that fails. */
function mayTryPlain(error: unknown): boolean {
  const { code, errno } = readForeignError(error);
  return code?.startsWith("HANDSHAKE_") === true || (errno === undefined && (code === undefined || isTlsCode(code)));
}

function isTlsCode(code: string): boolean {
  return /SSL|TLS|CERT|ISSUER|SIGNATURE/.test(code);
}

function translateConnectError(error: unknown, login: Login, options: ConnectOptions): AppError {
  if (error instanceof AppError) return error;
  const { config, flavour } = login;
  const { code, errno, message } = readForeignError(error);
  const where = describeServer(config);
  const attempt = `connecting to ${flavour.label} on ${where} as "${userOf(config)}" failed`;
  const details = { errno: errno ?? null, code: code ?? null };
  if (errno === 1049) {
    return new AppError(
      options.errorCode ?? "source_failed",
      `database "${options.database ?? ""}" does not exist on ${where}`,
      {
        cause: error,
        details,
        hint: "check the name of the database, and that the user may see it",
      },
    );
  }
  const meaning = meaningOf(errno);
  if (meaning !== undefined) {
    return new AppError(
      meaning.code ?? meaning.sourceCode ?? options.errorCode ?? "source_failed",
      `${attempt}: ${message}`,
      {
        cause: error,
        details,
        hint: meaning.hint,
        retryable: meaning.retryable ?? false,
      },
    );
  }
  if (errno !== undefined)
    return new AppError(options.errorCode ?? "source_failed", `${attempt}: ${message}`, { cause: error, details });
  if (code?.startsWith("AUTH_") === true) {
    return new AppError("source_auth_failed", `${attempt}: ${message}`, {
      cause: error,
      details,
      hint: "the account's login method is not supported: use mysql_native_password, caching_sha2_password or the socket's",
    });
  }
  const tls = code?.startsWith("HANDSHAKE_") === true || (code !== undefined && isTlsCode(code));
  return new AppError("source_unreachable", `${attempt}: ${message === "" ? (code ?? "no answer") : message}`, {
    cause: error,
    details,
    hint: tls
      ? "check tls.mode, tls.ca_path and the name in the server's certificate"
      : `check that ${flavour.label} listens on ${where} and that no firewall is between`,
    retryable: !tls,
  });
}
