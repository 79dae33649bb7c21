// Our own connection to a server, beside those of the client programs.

import { userInfo } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { Client } from "pg";
import { AppError } from "../../../domain/error.ts";
import type { PostgresConfig } from "./config.ts";
import { describeServer, readForeignError, translateConnectError, translateQueryError } from "./connection-error.ts";
import { planTlsAttempts } from "./tls.ts";

export const applicationName = "backupctl";
const connectTimeoutMs = 15_000;

export interface PostgresConnection extends AsyncDisposable {
  /** Throws the driver's own error, with its SQLSTATE in `code`, or the signal's reason. */
  query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The same, but errors are translated; `doing` begins their message. */
  run<Row extends object>(doing: string, sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface ConnectOptions {
  readonly database: string;
  readonly signal: AbortSignal;
  readonly errorCode?: "source_failed" | "restore_failed";
}

export async function connect(config: PostgresConfig, options: ConnectOptions): Promise<PostgresConnection> {
  options.signal.throwIfAborted();
  const client = await openClient(config, options);
  const { signal } = options;
  const onAbort = (): void => void client.connection.stream.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  // A connection that dies while idle is reported by the next query.
  client.on("error", () => {});

  async function query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    signal.throwIfAborted();
    try {
      const result = values === undefined ? await client.query(sql) : await client.query(sql, [...values]);
      return result.rows as Row[];
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  return {
    query,
    async run<Row extends object>(doing: string, sql: string, values?: readonly unknown[]) {
      try {
        return await query<Row>(sql, values);
      } catch (error) {
        signal.throwIfAborted();
        throw translateQueryError(error, doing, options.errorCode ?? "source_failed");
      }
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", onAbort);
      await closeClient(client);
    },
  };
}

/** The driver exposes its socket, but its types do not. */
type OpenClient = Client & { readonly connection: { readonly stream: { destroy(): void } } };

async function openClient(config: PostgresConfig, options: ConnectOptions): Promise<OpenClient> {
  const attempts = await planTlsAttempts(config).catch((error: unknown) => {
    const { message } = readForeignError(error);
    throw new AppError(
      "config_invalid",
      `a TLS file of PostgreSQL on ${describeServer(config)} cannot be read: ${message}`,
      {
        cause: error,
      },
    );
  });
  for (const [index, ssl] of attempts.entries()) {
    const client = createClient(config, options.database, ssl);
    try {
      await connectClient(client, options.signal);
      await prepareSession(client);
      return client;
    } catch (error) {
      client.connection.stream.destroy();
      options.signal.throwIfAborted();
      if (index + 1 < attempts.length && mayTryPlain(error)) continue;
      throw await nameMissingDatabase(error, config, options);
    }
  }
  throw new AppError("internal", "no way to connect was planned");
}

function createClient(config: PostgresConfig, database: string, ssl: ConnectionOptions | false): OpenClient {
  return new Client({
    host: config.host,
    port: config.port,
    database,
    user: config.user ?? userInfo().username,
    password: config.password,
    ssl,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
  }) as OpenClient;
}

/** Time-out and abort are ours: the driver's own leaves an error without a code. */
async function connectClient(client: OpenClient, signal: AbortSignal): Promise<void> {
  let giveUp: (error: Error) => void = () => {};
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const timeout = Object.assign(new Error(`no answer within ${connectTimeoutMs / 1000} s`), { code: "ETIMEDOUT" });
  const timer = setTimeout(() => giveUp(timeout), connectTimeoutMs);
  const onAbort = (): void => giveUp(new Error("aborted"));
  signal.addEventListener("abort", onAbort, { once: true });
  client.on("error", (error) => giveUp(error));
  try {
    const connected = client.connect();
    connected.catch(() => {});
    await Promise.race([connected, givenUp]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    givenUp.catch(() => {});
  }
}

/** Settings of the role or database must neither cut long queries, nor change how values are printed, nor keep us from cleaning up. */
async function prepareSession(client: OpenClient): Promise<void> {
  await client.query(`SELECT set_config(name, value, false)
    FROM (VALUES ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
      ('idle_session_timeout', '0'), ('default_transaction_read_only', 'off'), ('lock_timeout', '60s'), ('row_security', 'off'), ('search_path', 'pg_catalog'),
      ('client_connection_check_interval', '10s')) AS wanted (name, value)
    WHERE EXISTS (SELECT FROM pg_catalog.pg_settings AS known WHERE known.name = wanted.name)`);
}

/** `prefer` as libpq: no TLS on the server, a handshake that fails, or a pg_hba.conf that allows only plain ones. */
function mayTryPlain(error: unknown): boolean {
  const { code, message } = readForeignError(error);
  return code === "28000" || message.includes("SSL") || message.includes("TLS");
}

async function nameMissingDatabase(error: unknown, config: PostgresConfig, options: ConnectOptions): Promise<AppError> {
  if (readForeignError(error).code !== "3D000") return translateConnectError(error, config, options.database);
  const existing = await listDatabases(config, options).catch(() => []);
  const near = existing.toSorted((a, b) => distance(a, options.database) - distance(b, options.database)).slice(0, 8);
  return new AppError("source_failed", `database "${options.database}" does not exist on ${describeServer(config)}`, {
    cause: error,
    hint: near.length === 0 ? "check the name" : `there are: ${near.map((name) => `"${name}"`).join(", ")}`,
    details: { code: "3D000", databases: near },
  });
}

async function listDatabases(config: PostgresConfig, options: ConnectOptions): Promise<string[]> {
  const maintenance = options.database === "postgres" ? "template1" : "postgres";
  await using connection = await connect(config, { database: maintenance, signal: options.signal });
  const rows = await connection.query<{ datname: string }>(
    "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname LIMIT 1000",
  );
  return rows.map((row) => row.datname);
}

/** How many of the shorter name's character pairs the other lacks; enough to put near names first. */
function distance(left: string, right: string): number {
  const pairs = (text: string) => new Set([...text.toLowerCase()].map((char, i, all) => char + (all[i + 1] ?? "")));
  const [a, b] = [pairs(left), pairs(right)];
  return a.size + b.size - 2 * [...a].filter((pair) => b.has(pair)).length;
}

async function closeClient(client: OpenClient): Promise<void> {
  const closed = client.end().catch(() => {});
  await Promise.race([closed, Bun.sleep(2_000)]);
  client.connection.stream.destroy();
}
