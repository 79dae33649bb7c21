// The transaction whose snapshot pg_dump and the row counts share.

import type { PostgresConfig } from "./config.ts";
import { connect, type PostgresConnection } from "./connection.ts";

export interface SharedSnapshot extends AsyncDisposable {
  readonly connection: PostgresConnection;
  /** Argument of `pg_dump --snapshot`. */
  readonly id: string;
  /** When it was taken, ISO 8601 in UTC. */
  readonly at: string;
}

/** Stays valid, and keeps the server from cleaning up old rows, until it is disposed. */
export async function openSnapshot(config: PostgresConfig, signal: AbortSignal): Promise<SharedSnapshot> {
  const connection = await connect(config, { database: config.name, signal });
  try {
    await connection.run("opening a snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const rows = await connection.run<{ id: string; at: string }>(
      "exporting the snapshot",
      `SELECT pg_export_snapshot() AS id,
        to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at`,
    );
    return {
      connection,
      id: rows[0]!.id,
      at: rows[0]!.at,
      [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
    };
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}
