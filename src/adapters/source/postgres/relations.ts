// The relations of a database, and which of them a dump takes, as exact names.

import { AppError } from "../../../domain/error.ts";
import type { PostgresOptions } from "./config.ts";
import type { PostgresConnection } from "./connection.ts";
import { quoteIdentifier } from "./identifier.ts";
import { compileTablePattern } from "./table-pattern.ts";

export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  /** pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign table, S sequence. */
  readonly kind: string;
  /** Partitioned parent, or the table that owns a sequence. */
  readonly parents: readonly string[];
  /** Partitioned by the hash of an enum, which changes with each restore: pg_dump then loads rows by this table. */
  readonly isReshuffled: boolean;
}

export interface DumpPlan {
  /** Arguments for pg_dump. */
  readonly args: readonly string[];
  /** Tables whose rows are in the dump. */
  readonly counted: readonly Relation[];
  /** Tables whose definition is in the dump, but none of their rows. */
  readonly emptied: readonly Relation[];
  readonly warnings: readonly string[];
}

const argumentLimitBytes = 1_500_000;

/** All but the system's, temporary ones and those that belong to an extension. */
export async function listRelations(connection: PostgresConnection): Promise<readonly Relation[]> {
  return connection.run<Relation & { parents: string[] }>(
    "listing the tables",
    `SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS table, c.relkind::text AS kind,
      ARRAY(SELECT i.inhparent::text FROM pg_inherits AS i JOIN pg_class AS p ON p.oid = i.inhparent
          WHERE i.inhrelid = c.oid AND p.relkind = 'p'
        UNION ALL
        SELECT d.refobjid::text FROM pg_depend AS d
          WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) AS parents,
      EXISTS (SELECT FROM pg_partitioned_table AS t JOIN pg_opclass AS o ON o.oid = ANY (t.partclass)
        WHERE t.partrelid = c.oid AND t.partstrat = 'h' AND o.opcname = 'enum_ops') AS "isReshuffled"
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.deptype = 'e')
    ORDER BY n.nspname, c.relname`,
  );
}

/**
 * Everything that is not wanted is excluded by its exact name, so that schemas, types and functions stay in a dump of
 * a few tables and it restores on its own.
 */
export function planDump(relations: readonly Relation[], options: PostgresOptions): DumpPlan {
  const warnings: string[] = [];
  const match = (patterns: readonly string[], key: string, required: boolean): Set<string> => {
    const oids = new Set<string>();
    for (const pattern of patterns) {
      const matches = compileTablePattern(pattern);
      const found = relations.filter((relation) => matches(relation));
      if (found.length === 0 && required) {
        throw new AppError("source_failed", `${key} pattern ${JSON.stringify(pattern)} matches no table`, {
          hint: 'write schema.table as it is spelled in the database, or "quoted" when a name holds a dot',
        });
      }
      if (found.length === 0) warnings.push(`${key} pattern ${JSON.stringify(pattern)} matches no table`);
      for (const relation of found) oids.add(relation.oid);
    }
    return withDescendants(relations, oids);
  };

  const selective = options.include_tables.length > 0;
  const included = selective ? match(options.include_tables, "include_tables", true) : undefined;
  const excluded = match(options.exclude_tables, "exclude_tables", false);
  const withoutRows = match(options.exclude_table_data, "exclude_table_data", false);
  const isDropped = (relation: Relation): boolean => {
    if (excluded.has(relation.oid)) return true;
    if (included === undefined || included.has(relation.oid)) return false;
    return relation.kind !== "S" || relation.parents.length > 0;
  };

  const args = [
    ...(options.schema_only ? ["--schema-only"] : []),
    ...(options.data_only ? ["--data-only"] : []),
    // As with pg_dump --table: large objects belong to no table.
    ...(selective ? ["--no-blobs"] : []),
    ...relations.filter(isDropped).map((relation) => `--exclude-table=${exactPattern(relation)}`),
    ...relations
      .filter((relation) => withoutRows.has(relation.oid) && !isDropped(relation))
      .map((relation) => `--exclude-table-data=${exactPattern(relation)}`),
  ];
  if (args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 9, 0) > argumentLimitBytes) {
    throw new AppError("unsupported", `the table patterns leave out too many tables for pg_dump's argument list`, {
      hint: "leave out fewer tables, or move them to a database of their own",
    });
  }
  const tables = relations.filter((relation) => relation.kind === "r" && !isDropped(relation));
  const hasRows = (table: Relation): boolean => !options.schema_only && !withoutRows.has(table.oid);
  const counted = tables.filter(hasRows);
  const emptied = options.data_only ? [] : tables.filter((table) => !hasRows(table));
  return { args, counted, emptied, warnings };
}

/** Partitions follow their parent, owned sequences their table. */
function withDescendants(relations: readonly Relation[], oids: ReadonlySet<string>): Set<string> {
  const all = new Set(oids);
  for (let before = -1; before !== all.size;) {
    before = all.size;
    for (const relation of relations) if (relation.parents.some((parent) => all.has(parent))) all.add(relation.oid);
  }
  return all;
}

/** In pg_dump's patterns everything inside quotes is literal. */
function exactPattern(relation: Relation): string {
  return `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}`;
}
