// Exact row counts, on a connection whose transaction fixes what is seen.

import type { RestoredCount } from "../../../domain/backup/compare-row-counts.ts";
import type { TableCount } from "../../../domain/backup/manifest.ts";
import { AppError } from "../../../domain/error.ts";
import type { PostgresConnection } from "./connection.ts";
import { quoteIdentifier } from "./identifier.ts";
import { listRelations, type Relation } from "./relations.ts";

function qualified(relation: Relation): string {
  return `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}`;
}

/** Rows of each table itself, without those of tables that inherit from it. */
export async function countTables(
  connection: PostgresConnection,
  tables: readonly Relation[],
): Promise<readonly TableCount[]> {
  const counts: TableCount[] = [];
  for (const table of tables) {
    const sql = `SELECT count(*)::text AS rows FROM ONLY ${qualified(table)}`;
    const [row] = await connection.run<{ rows: string }>(`counting the rows of ${qualified(table)}`, sql);
    if (row === undefined) throw new AppError("internal", `counting ${qualified(table)} gave no row`);
    counts.push({ schema: table.schema, table: table.table, rows: Number(row.rows) });
  }
  return counts;
}

/** Every table of a database, counted in one snapshot. */
export async function countDatabase(connection: PostgresConnection): Promise<readonly RestoredCount[]> {
  await connection.run("opening a snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const relations = await listRelations(connection);
  const tables = relations.filter((relation) => relation.kind === "r");
  const counts = await countTables(connection, tables);
  await connection.run("closing the snapshot", "COMMIT");
  const findPool = poolFinder(relations);
  return counts.map((count, index) => {
    const pool = findPool(tables[index]!);
    return pool === undefined ? count : { ...count, pool: { schema: pool.schema, table: pool.table } };
  });
}

/** The topmost table over it whose rows a restore may put into other partitions. */
function poolFinder(relations: readonly Relation[]): (table: Relation) => Relation | undefined {
  const byOid = new Map(relations.map((relation) => [relation.oid, relation]));
  return (table) => {
    let pool: Relation | undefined;
    for (let at: Relation | undefined = table; at !== undefined; at = byOid.get(at.parents[0] ?? "")) {
      if (at.isReshuffled) pool = at;
    }
    return pool;
  };
}

/**
 * Keeps others from truncating or rewriting the tables while they are counted. Called once pg_dump holds its own
 * locks; a lock that is not had at once would wait behind somebody who waits for pg_dump.
 */
export async function lockTables(connection: PostgresConnection, tables: readonly Relation[]): Promise<void> {
  await connection.run("setting the lock time-out", "SET LOCAL lock_timeout = '5s'");
  for (let at = 0; at < tables.length; at += 200) {
    const names = tables.slice(at, at + 200).map((table) => `ONLY ${qualified(table)}`);
    await connection.run("locking the tables to be counted", `LOCK TABLE ${names.join(", ")} IN ACCESS SHARE MODE`);
  }
}
