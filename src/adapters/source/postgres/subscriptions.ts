// Logical replication into a database: while it has subscriptions the server does not drop it, and their workers keep it
// from being renamed. The slots on the publisher are never touched: they belong to the database that lives on.

import type { PostgresConfig } from "./config.ts";
import { connect, type PostgresConnection } from "./connection.ts";
import { quoteIdentifier } from "./identifier.ts";

interface Subscription {
  readonly name: string;
  readonly enabled: boolean;
}

/** `maintenance` may be on any database of the server. */
async function listSubscriptions(maintenance: PostgresConnection, database: string): Promise<readonly Subscription[]> {
  return maintenance.run<Subscription>(
    "listing the subscriptions",
    `SELECT subname AS name, subenabled AS enabled FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = $1) ORDER BY subname`,
    [database],
  );
}

async function alterEach(
  config: PostgresConfig,
  database: string,
  names: readonly string[],
  statements: (quoted: string) => readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  const signal = new AbortController().signal;
  await using connection = await connect(config, { database, signal, errorCode: "restore_failed" });
  for (const name of names) {
    for (const sql of statements(quoteIdentifier(name))) {
      await connection.run(`ending subscription "${name}" of database "${database}"`, sql);
    }
  }
}

/** Stops their workers; gives the names of those that were running. */
export async function pauseSubscriptions(
  config: PostgresConfig,
  maintenance: PostgresConnection,
  database: string,
): Promise<readonly string[]> {
  const running = (await listSubscriptions(maintenance, database)).filter(({ enabled }) => enabled);
  const names = running.map(({ name }) => name);
  await alterEach(config, database, names, (name) => [`ALTER SUBSCRIPTION ${name} DISABLE`]);
  return names;
}

export async function resumeSubscriptions(
  config: PostgresConfig,
  database: string,
  names: readonly string[],
): Promise<void> {
  await alterEach(config, database, names, (name) => [`ALTER SUBSCRIPTION ${name} ENABLE`]);
}

/** Before the database is dropped. Without a slot's name the publisher is not asked to drop the slot. */
export async function dropSubscriptions(
  config: PostgresConfig,
  maintenance: PostgresConnection,
  database: string,
): Promise<void> {
  const names = (await listSubscriptions(maintenance, database)).map(({ name }) => name);
  await alterEach(config, database, names, (name) => [
    `ALTER SUBSCRIPTION ${name} DISABLE`,
    `ALTER SUBSCRIPTION ${name} SET (slot_name = NONE)`,
    `DROP SUBSCRIPTION ${name}`,
  ]);
}
