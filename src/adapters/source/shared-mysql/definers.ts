// Views, triggers and routines run as their definer. One that does not exist is accepted at a restore and fails at the
// first use, so it is said.

import type { ServerConnection } from "./connection.ts";
import { quoteText } from "./identifier.ts";

const places = [
  ["VIEWS", "TABLE_SCHEMA"],
  ["TRIGGERS", "TRIGGER_SCHEMA"],
  ["ROUTINES", "ROUTINE_SCHEMA"],
  ["EVENTS", "EVENT_SCHEMA"],
] as const;

/** Warnings; none when the user may not read the list of accounts. */
export async function describeMissingDefiners(
  connection: ServerConnection,
  database: string,
): Promise<readonly string[]> {
  try {
    const accounts = await connection.query<{ account: string }>(
      "SELECT CONCAT(User, '@', Host) AS account FROM mysql.user",
    );
    const known = new Set(accounts.map((row) => row.account));
    const union = places.map(
      ([view, schema]) =>
        `SELECT DEFINER AS definer FROM information_schema.${view} WHERE ${schema} = ${quoteText(database)}`,
    );
    const definers = await connection.query<{ definer: string }>(union.join(" UNION "));
    // Roles have no host.
    const missing = definers.map((row) => row.definer).filter((name) => !known.has(name) && !name.endsWith("@"));
    return missing.map(
      (name) =>
        `definer ${name} does not exist on this server: its views, triggers and routines fail when used; create the user, or restore with --no-owner`,
    );
  } catch {
    return [];
  }
}
