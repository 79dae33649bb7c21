// Table patterns of the settings: `table`, `schema.table`, `"a.b"."c d"`; outside quotes `*` and `?` match any text.

/** One name or wildcard expression; a part without a wildcard matches literally, also its case. */
function compileName(text: string): RegExp {
  const quoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  const name = quoted ? text.slice(1, -1).replaceAll('""', '"') : text;
  const source = [...name]
    .map((char) => (!quoted && char === "*" ? ".*" : !quoted && char === "?" ? "." : escapeRegExp(char)))
    .join("");
  return new RegExp(`^${source}$`, "su");
}

function escapeRegExp(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

/** Splits at the first dot outside quotes; a quote only counts at the beginning of a name. */
function splitPattern(pattern: string): { readonly schema: string | undefined; readonly table: string } {
  const quotedSchema = /^"(?:[^"]|"")*"(?=\.)/.exec(pattern)?.[0];
  const wholeQuoted = /^"(?:[^"]|"")*"$/.test(pattern);
  const end = quotedSchema?.length ?? (wholeQuoted ? -1 : pattern.indexOf("."));
  if (end <= 0 || end === pattern.length - 1) return { schema: undefined, table: pattern };
  return { schema: pattern.slice(0, end), table: pattern.slice(end + 1) };
}

export interface QualifiedName {
  readonly schema: string;
  readonly table: string;
}

export function compileTablePattern(pattern: string): (name: QualifiedName) => boolean {
  const { schema, table } = splitPattern(pattern);
  const schemaMatch = schema === undefined ? undefined : compileName(schema);
  const tableMatch = compileName(table);
  return (name) => (schemaMatch === undefined || schemaMatch.test(name.schema)) && tableMatch.test(name.table);
}
