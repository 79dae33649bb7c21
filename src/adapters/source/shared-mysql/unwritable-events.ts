// Events that the dump programs cannot write; everything else of such a database can be dumped.
// - mariadb-dump ends with "unknown database" at the first event of a database whose name holds a quote or a backslash:
//   it selects the name in its escaped form.
// - Both programs look for a delimiter without end when the text of an event holds two semicolons in a row.

import { AppError } from "../../../domain/error.ts";
import type { ServerConnection } from "./connection.ts";
import type { Flavour } from "./flavour.ts";
import { quoteText } from "./identifier.ts";

export interface UnwritableEvents {
  readonly names: readonly string[];
  readonly reason: string;
  readonly remedy: string;
}

/** Undefined where the dump program can write them all. */
export async function findUnwritableEvents(
  connection: ServerConnection,
  flavour: Pick<Flavour, "misnamesEvents" | "dumpPrograms">,
  database: string,
): Promise<UnwritableEvents | undefined> {
  const isMisnamed = flavour.misnamesEvents && /['"\\]/.test(database);
  const rows = await connection.run<{ name: string; endless: number | string | null }>(
    `listing the events of database "${database}"`,
    `SELECT EVENT_NAME AS name,
      CONCAT_WS(' ', EVENT_NAME, DEFINER, EVENT_COMMENT, EVENT_DEFINITION) LIKE '%;;%' AS endless
    FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${quoteText(database)} ORDER BY 1`,
  );
  const program = flavour.dumpPrograms[0]!;
  const endless = rows.filter((row) => Number(row.endless) === 1);
  if (rows.length === 0 || (!isMisnamed && endless.length === 0)) return undefined;
  if (isMisnamed) {
    return {
      names: rows.map(({ name }) => name),
      reason: `${program} cannot write them when the database's name holds a quote or a backslash`,
      remedy: "rename the database",
    };
  }
  return {
    names: rows.map(({ name }) => name),
    reason: `${program} never ends at an event whose text holds ";;", as that of "${endless[0]!.name}" does`,
    remedy: "put a space between the two",
  };
}

export function describeUnwritableEvents({ names, reason, remedy }: UnwritableEvents): string {
  const listed = names.map((name) => `"${name}"`).join(", ");
  return `the database's events are not in the backup (${listed}): ${reason}; keep their SHOW CREATE EVENT, or ${remedy}`;
}

/** A swap reads the original's programs by the dump program, so as to put them back when it fails. */
export async function refuseUnwritableEvents(
  connection: ServerConnection,
  flavour: Pick<Flavour, "misnamesEvents" | "dumpPrograms">,
  database: string,
): Promise<void> {
  const events = await findUnwritableEvents(connection, flavour, database);
  if (events === undefined) return;
  throw new AppError("restore_failed", `database "${database}" cannot be replaced with its events: ${events.reason}`, {
    hint: "drop its events first, or restore into a new name",
    details: { events: events.names },
  });
}
