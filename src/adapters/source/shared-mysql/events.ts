// Events sleep while a restore is going on; this wakes those that were awake in the dump.

import type { ServerConnection } from "./connection.ts";
import { quoteName, quoteText } from "./identifier.ts";

interface EventRow {
  readonly name: string;
  readonly definer: string;
  readonly mode: string;
  readonly zone: string;
  readonly charset: string;
  readonly collation: string;
}

/** ALTER EVENT writes the session's modes and user into the event, so they are set to the event's own first. */
export async function enableEvents(
  connection: ServerConnection,
  database: string,
  names: ReadonlySet<string>,
): Promise<void> {
  if (names.size === 0) return;
  const rows = await connection.run<EventRow>(
    `listing the events of database "${database}"`,
    `SELECT EVENT_NAME AS name, DEFINER AS definer, SQL_MODE AS mode, TIME_ZONE AS zone, CHARACTER_SET_CLIENT AS charset,
      COLLATION_CONNECTION AS collation FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${quoteText(database)}`,
  );
  for (const row of rows.filter((event) => names.has(event.name))) {
    const doing = `enabling event "${row.name}"`;
    await connection.run(
      doing,
      `SET SESSION sql_mode = ${quoteText(row.mode)}, time_zone = ${quoteText(row.zone)}, character_set_client = ${row.charset}, collation_connection = ${row.collation}`,
    );
    await connection.run(
      doing,
      `ALTER DEFINER = ${quoteAccount(row.definer)} EVENT ${quoteName(database)}.${quoteName(row.name)} ENABLE`,
    );
  }
  await connection.run("resetting the session", "SET NAMES utf8mb4, SESSION sql_mode = ''");
}

/** `user@host`: the user may hold an @, the host may not. */
export function quoteAccount(account: string): string {
  const at = account.lastIndexOf("@");
  if (at === -1) return quoteName(account);
  return `${quoteName(account.slice(0, at))}@${quoteName(account.slice(at + 1))}`;
}
