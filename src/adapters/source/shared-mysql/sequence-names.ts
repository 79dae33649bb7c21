// MariaDB writes the database's name into defaults that take the next value of a sequence. Under another name they
// would go on using the sequence of the database they came from.

import type { ServerConnection } from "./connection.ts";
import { quoteName, quoteText, unquoteName } from "./identifier.ts";

const text = "'(?:[^'\\\\]|\\\\[\\s\\S]|'')*'";
const name = "`(?:[^`]|``)*`";
const uses = new RegExp(
  `${text}|(\\b(?:nextval|lastval|setval)\\s*\\(\\s*|\\b(?:next|previous)\\s+value\\s+for\\s+)(${name})(\\s*\\.\\s*)(${name})`,
  "gi",
);

/** In a CREATE TABLE, for the sequences given. Names and text are of one kind, `latin1` or UTF-8. */
export function useOwnSequences(statement: string, database: string, sequences: ReadonlySet<string>): string {
  if (sequences.size === 0) return statement;
  return statement.replace(
    uses,
    (all: string, before?: string, _database?: string, dot?: string, sequence?: string) => {
      if (before === undefined || sequence === undefined || !sequences.has(unquoteName(sequence))) return all;
      return `${before}${quoteName(database)}${dot}${sequence}`;
    },
  );
}

/** The same for tables that have moved from one database to another. */
export async function moveSequenceDefaults(connection: ServerConnection, from: string, to: string): Promise<void> {
  const columns = await connection.run<{ table: string; column: string; text: string }>(
    `listing defaults that use sequences in database "${to}"`,
    `SELECT TABLE_NAME AS \`table\`, COLUMN_NAME AS \`column\`, COLUMN_DEFAULT AS \`text\` FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = ${quoteText(to)} AND LOCATE(${quoteText(`${quoteName(from)}.`)}, COLUMN_DEFAULT) > 0`,
  );
  const quotedFrom = quoteName(from);
  const replace = (expression: string): string =>
    expression.replace(new RegExp(`${text}|${name}(?=\\s*\\.)`, "g"), (all) =>
      all === quotedFrom ? quoteName(to) : all,
    );
  // All columns of a table at once: while one of them names a sequence that is gone, no other can be changed.
  for (const table of new Set(columns.map((column) => column.table))) {
    const changes = columns
      .filter((column) => column.table === table && replace(column.text) !== column.text)
      .map((column) => `ALTER COLUMN ${quoteName(column.column)} SET DEFAULT (${replace(column.text)})`);
    if (changes.length === 0) continue;
    await connection.run(
      `setting the defaults of table "${table}"`,
      `ALTER TABLE ${quoteName(to)}.${quoteName(table)} ${changes.join(", ")}`,
    );
  }
}
