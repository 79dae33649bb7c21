// Table patterns of the settings: `table` or `database.table`; `*` and `?` match any text.

export function compileTablePattern(pattern: string, database: string): (table: string) => boolean {
  const prefix = `${database}.`;
  const forms = [pattern, ...(pattern.startsWith(prefix) ? [pattern.slice(prefix.length)] : [])].map(compile);
  return (table) => forms.some((form) => form.test(table));
}

function compile(pattern: string): RegExp {
  const source = [...pattern]
    .map((char) => (char === "*" ? ".*" : char === "?" ? "." : char.replace(/[\\^$.+()[\]{}|/]/, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`, "su");
}

export interface TableChoice<Table> {
  readonly chosen: readonly Table[];
  readonly left: readonly Table[];
  /** Patterns of what is wanted that match nothing. */
  readonly idleIncludes: readonly string[];
  readonly warnings: readonly string[];
}

export function chooseTables<Table extends { readonly name: string }>(
  tables: readonly Table[],
  database: string,
  include: readonly string[],
  exclude: readonly string[],
): TableChoice<Table> {
  const compiled = (patterns: readonly string[]) =>
    patterns.map((pattern) => ({ pattern, matches: compileTablePattern(pattern, database) }));
  const [included, excluded] = [compiled(include), compiled(exclude)];
  const chosen = tables.filter(
    ({ name }) =>
      (included.length === 0 || included.some((one) => one.matches(name))) &&
      !excluded.some((one) => one.matches(name)),
  );
  const isIdle = (one: { matches(table: string): boolean }): boolean => !tables.some(({ name }) => one.matches(name));
  return {
    chosen,
    left: tables.filter((table) => !chosen.includes(table)),
    idleIncludes: included.filter(isIdle).map((one) => one.pattern),
    warnings: excluded
      .filter(isIdle)
      .map((one) => `pattern "${one.pattern}" of options.exclude_tables matches no table of database "${database}"`),
  };
}
