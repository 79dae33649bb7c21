// The tables and views of a database, and exact counts of their rows.

import type { TableCount } from "../../../domain/backup/manifest.ts";
import type { ServerConnection } from "./connection.ts";
import { quoteName, quoteText } from "./identifier.ts";

export interface Table {
  readonly name: string;
  readonly kind: "table" | "view" | "sequence";
  readonly engine: string;
  /** MariaDB: keeps the history of its rows. */
  readonly versioned: boolean;
  readonly sizeBytes: number;
}

/** Their rows lie elsewhere: the dump programs write only the definition. */
const enginesWithoutRows = new Set(["MRG_MYISAM", "MRG_ISAM", "FEDERATED", "CONNECT", "OQGRAPH", "SPIDER", "SPHINX"]);
const transactionalEngines = new Set(["INNODB", "ROCKSDB", "TOKUDB", "NDBCLUSTER", "NDB"]);

export async function listTables(connection: ServerConnection, database: string): Promise<readonly Table[]> {
  const rows = await connection.run<{
    name: string;
    type: string;
    engine: string | null;
    size: number | string | null;
  }>(
    `listing the tables of database "${database}"`,
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine, DATA_LENGTH + INDEX_LENGTH AS size
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quoteText(database)} ORDER BY TABLE_NAME`,
  );
  return rows.map((row) => ({
    name: row.name,
    kind: row.type === "SEQUENCE" ? "sequence" : row.type.includes("VIEW") ? "view" : "table",
    engine: (row.engine ?? "").toUpperCase(),
    versioned: row.type === "SYSTEM VERSIONED",
    sizeBytes: Number(row.size ?? 0),
  }));
}

export function hasOwnRows(table: Table): boolean {
  return table.kind === "table" && !enginesWithoutRows.has(table.engine);
}

export function isTransactional(table: Table): boolean {
  return table.kind !== "table" || transactionalEngines.has(table.engine) || !hasOwnRows(table);
}

/** Exact, with the history of versioned tables unless told otherwise. */
export async function countTables(
  connection: ServerConnection,
  database: string,
  tables: readonly Table[],
  withHistory = true,
): Promise<readonly TableCount[]> {
  const counts: TableCount[] = [];
  for (const table of tables.filter(hasOwnRows)) {
    const history = table.versioned && withHistory ? " FOR SYSTEM_TIME ALL" : "";
    const [row] = await connection.run<{ n: number | string }>(
      `counting the rows of table "${table.name}"`,
      `SELECT COUNT(*) AS n FROM ${quoteName(database)}.${quoteName(table.name)}${history}`,
    );
    // A database is the schema here, and it has another name where it was restored.
    counts.push({ schema: "", table: table.name, rows: Number(row?.n) });
  }
  return counts;
}
