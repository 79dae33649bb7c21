// Columns whose values the dump programs do not write as they are: of a FLOAT they write six digits, and text passes
// through the dump's character set, which may lack a character or map two to one.

import type { ServerConnection } from "./connection.ts";
import { quoteName, quoteText } from "./identifier.ts";
import { hasOwnRows, type Table } from "./tables.ts";

/** The rows of a table that are looked at: to say it of every table that is concerned, not to read it twice. */
const sampledRows = 10_000;

/** Character sets that come back from utf8mb4 as they were. */
const safeInUtf8 = ["ascii", "latin1", "ucs2", "utf8", "utf8mb3", "utf8mb4", "utf16", "utf16le", "utf32"];

interface Column {
  readonly table: string;
  readonly column: string;
  readonly charset: string | null;
}

/** Warnings. */
export async function describeLossyColumns(
  connection: ServerConnection,
  database: string,
  tables: readonly Table[],
  dumpCharset: string,
): Promise<readonly string[]> {
  const safe = [dumpCharset, "ascii", ...(dumpCharset === "utf8mb4" ? safeInUtf8 : [])];
  const columns = await connection.run<Column>(
    `listing the columns of database "${database}"`,
    `SELECT TABLE_NAME AS \`table\`, COLUMN_NAME AS \`column\`, CHARACTER_SET_NAME AS charset
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ${quoteText(database)}
      AND (DATA_TYPE = 'float' OR CHARACTER_SET_NAME NOT IN (${safe.map(quoteText).join(", ")}))
    ORDER BY TABLE_NAME, ORDINAL_POSITION`,
  );
  const floats: string[] = [];
  const texts: string[] = [];
  for (const table of tables.filter(hasOwnRows)) {
    const candidates = columns.filter((column) => column.table === table.name);
    for (const column of await findLossy(connection, database, table, candidates, dumpCharset)) {
      (column.charset === null ? floats : texts).push(`${column.table}.${column.column}`);
    }
  }
  return [
    ...(floats.length === 0
      ? []
      : [
          `FLOAT values are in the dump with six digits only, for the server prints no more: ${shorten(floats)}; make the columns DOUBLE to keep all`,
        ]),
    ...(texts.length === 0
      ? []
      : [
          `characters are lost on their way through ${dumpCharset}: ${shorten(texts)}; set options.character_set to the columns' own`,
        ]),
  ];
}

async function findLossy(
  connection: ServerConnection,
  database: string,
  table: Table,
  columns: readonly Column[],
  dumpCharset: string,
): Promise<readonly Column[]> {
  if (columns.length === 0) return [];
  const checks = columns.map((column, index) => `MAX(${lossyCondition(column, dumpCharset)}) AS c${index}`);
  const names = columns.map(({ column }) => quoteName(column)).join(", ");
  const sql = `SELECT ${checks.join(", ")} FROM (SELECT ${names} FROM ${quoteName(database)}.${quoteName(table.name)} LIMIT ${sampledRows}) AS sampled`;
  // A table that cannot be read fails the dump, with a better message; an old server may not know the cast.
  const rows = await connection.query<Record<string, number | string | null>>(sql).catch(() => []);
  return columns.filter((_, index) => Number(rows[0]?.[`c${index}`] ?? 0) === 1);
}

function lossyCondition({ column, charset }: Column, dumpCharset: string): string {
  const name = quoteName(column);
  if (charset === null) return `CAST(CONCAT(${name}) AS FLOAT) <> ${name}`;
  return `CAST(CONVERT(CONVERT(${name} USING ${dumpCharset}) USING ${charset}) AS BINARY) <> CAST(${name} AS BINARY)`;
}

function shorten(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `${names.slice(0, 5).join(", ")}${more}`;
}
