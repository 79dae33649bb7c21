// The connection for work on whole databases: creating, renaming, dropping.

import type { PostgresConfig } from "./config.ts";
import { connect, type PostgresConnection } from "./connection.ts";
import { AppError } from "../../../domain/error.ts";
import { quoteIdentifier } from "./identifier.ts";
import { dropSubscriptions } from "./subscriptions.ts";

/** To `postgres`, else `template1`, else the source's own database. */
export async function connectMaintenance(config: PostgresConfig, signal: AbortSignal): Promise<PostgresConnection> {
  let last: unknown;
  for (const database of ["postgres", "template1", config.name]) {
    try {
      return await connect(config, { database, signal, errorCode: "restore_failed" });
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "source_unreachable") throw error;
      last = error;
    }
  }
  throw last;
}

export async function databaseExists(connection: PostgresConnection, name: string): Promise<boolean> {
  const sql = "SELECT 1 AS found FROM pg_database WHERE datname = $1";
  return (await connection.run("looking for the database", sql, [name])).length > 0;
}

export interface Session {
  readonly pid: number;
  readonly description: string;
}

/** Other clients in a database and its replication workers, for the message that says who is in the way. */
export async function listSessions(connection: PostgresConnection, database: string): Promise<readonly Session[]> {
  return connection.run<{ pid: number; description: string }>(
    "listing the connections",
    `SELECT pid, concat_ws(' ', usename, nullif(application_name, ''), nullif(backend_type, 'client backend'),
      host(client_addr), state) AS description
    FROM pg_stat_activity
    WHERE datname = $1 AND pid <> pg_backend_pid() 
      AND (backend_type IS NULL OR backend_type = 'client backend' OR backend_type LIKE 'logical replication%')`,
    [database],
  );
}

export async function terminateSessions(connection: PostgresConnection, database: string): Promise<void> {
  for (const session of await listSessions(connection, database)) {
    await connection.run("ending other connections", "SELECT pg_terminate_backend($1)", [session.pid]);
  }
}

export function sessionsInTheWay(database: string, sessions: readonly Session[]): AppError {
  const named = sessions.slice(0, 5).map((session) => `${session.pid} (${session.description})`);
  const more = sessions.length > named.length ? ` and ${sessions.length - named.length} more` : "";
  return new AppError("restore_failed", `database "${database}" is in use by ${named.join(", ")}${more}`, {
    hint: "end these connections, or restore with --stop-connections",
    details: { pids: sessions.map((session) => session.pid) },
  });
}

/** Drops a database of our own, with whoever is still connected to it. */
export async function dropDatabase(
  config: PostgresConfig,
  connection: PostgresConnection,
  name: string,
): Promise<void> {
  await dropSubscriptions(config, connection, name);
  for (let attempt = 1; ; attempt++) {
    await terminateSessions(connection, name);
    try {
      await connection.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`);
      return;
    } catch (error) {
      const inUse = (error as { code?: unknown }).code === "55006";
      if (!inUse || attempt === 20) {
        const message = error instanceof Error ? error.message : String(error);
        throw new AppError("restore_failed", `dropping database "${name}" failed: ${message}`, { cause: error });
      }
      await Bun.sleep(100);
    }
  }
}
