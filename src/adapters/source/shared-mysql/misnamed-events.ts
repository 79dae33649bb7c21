// mariadb-dump ends with "unknown database" at the first event of a database whose name holds a quote or a backslash:
// it selects the name in its escaped form. Everything else of such a database can be dumped.

import { AppError } from "../../../domain/error.ts";
import type { ServerConnection } from "./connection.ts";
import type { Flavour } from "./flavour.ts";
import { quoteText } from "./identifier.ts";

/** Names of the events that the dump program cannot write; empty where it can. */
export async function listMisnamedEvents(
  connection: ServerConnection,
  flavour: Pick<Flavour, "misnamesEvents">,
  database: string,
): Promise<readonly string[]> {
  if (!flavour.misnamesEvents || !/['"\\]/.test(database)) return [];
  const rows = await connection.run<{ name: string }>(
    `listing the events of database "${database}"`,
    `SELECT EVENT_NAME AS name FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${quoteText(database)} ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

export function describeMisnamedEvents(events: readonly string[]): string {
  const names = events.map((name) => `"${name}"`).join(", ");
  return `the database's events are not in the backup (${names}): mariadb-dump cannot write them when the database's name holds a quote or a backslash; keep their SHOW CREATE EVENT, or rename the database`;
}

/** A swap reads the original's programs by the dump program, so as to put them back when it fails. */
export async function refuseMisnamedEvents(
  connection: ServerConnection,
  flavour: Pick<Flavour, "misnamesEvents">,
  database: string,
): Promise<void> {
  const events = await listMisnamedEvents(connection, flavour, database);
  if (events.length === 0) return;
  throw new AppError(
    "restore_failed",
    `database "${database}" cannot be replaced: mariadb-dump cannot read its events, because the name holds a quote or a backslash`,
    { hint: "drop its events first, or restore into a new name", details: { events } },
  );
}
