// Quoting for PostgreSQL, each for one place where a name is put.

/** A name in SQL. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text in SQL, whatever standard_conforming_strings says. */
export function quoteLiteral(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return doubled.includes("\\") ? ` E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

/** A value in a connection string, so that a database named `a=b` or `postgres://x` is only a name. */
export function quoteConninfo(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** A value in a line of PGPASSFILE. */
export function escapePassfile(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll(":", "\\:");
}
