// A database of MariaDB or MySQL as text: every definition as the server shows it, and a hash of every table's rows.

import { createHash } from "node:crypto";
import { quoteName, quoteText } from "../../src/adapters/source/shared-mysql/identifier.ts";
import type { FamilyServer } from "./mysql-family-server.ts";

export async function describeDatabase(server: FamilyServer, database: string): Promise<string> {
  const schema = quoteText(database);
  const query = (sql: string) => server.run(database, sql);
  const lines: string[] = [];
  const [facts] = await query(
    `SELECT DEFAULT_CHARACTER_SET_NAME AS cs, DEFAULT_COLLATION_NAME AS co FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${schema}`,
  );
  lines.push(JSON.stringify(facts));
  const tables = await query(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${schema} ORDER BY 1`,
  );
  for (const { name, type } of tables as { name: string; type: string }[]) {
    const [shown] = await query(`SHOW CREATE TABLE ${quoteName(name)}`);
    // MySQL names a character set that follows from the collation when it was given, though it means the same.
    lines.push(JSON.stringify(Object.values(shown!)).replace(/CHARACTER SET \w+ COLLATE/g, "COLLATE"));
    if (type.includes("VIEW")) continue;
    if (type === "SEQUENCE") lines.push(JSON.stringify(await query(`SELECT * FROM ${quoteName(name)}`)));
    else lines.push(`${name}: ${await hashRows(query, schema, name, type)}`);
  }
  const programs = [
    [
      "TRIGGER",
      `SELECT TRIGGER_NAME AS name FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${schema} ORDER BY 1`,
    ],
    ["EVENT", `SELECT EVENT_NAME AS name FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema} ORDER BY 1`],
    [
      "",
      `SELECT ROUTINE_NAME AS name, ROUTINE_TYPE AS type FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${schema} ORDER BY 2, 1`,
    ],
  ] as const;
  for (const [kind, listing] of programs) {
    for (const { name, type } of (await query(listing)) as { name: string; type?: string }[]) {
      const [shown] = await query(`SHOW CREATE ${type ?? kind} ${quoteName(name)}`);
      const { Created: _, ...lasting } = shown as Record<string, unknown>;
      // The dump program of MariaDB puts a line end behind each body.
      lines.push(
        JSON.stringify(Object.values(lasting).map((value) => (typeof value === "string" ? value.trimEnd() : value))),
      );
    }
  }
  return lines.join("\n").replaceAll(quoteName(database).slice(1, -1), "<database>");
}

async function hashRows(
  query: (sql: string) => Promise<Record<string, unknown>[]>,
  schema: string,
  table: string,
  type: string,
): Promise<string> {
  const columns = (await query(
    `SELECT COLUMN_NAME AS name, DATA_TYPE AS type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ${schema} AND TABLE_NAME = ${quoteText(table)} ORDER BY ORDINAL_POSITION`,
  )) as { name: string; type: string }[];
  const spatial = /geometry|point|linestring|polygon|geom/i;
  const parts = columns.map(({ name, type: dataType }) => {
    const column = quoteName(name);
    const bytes = spatial.test(dataType)
      ? `CONCAT(ST_SRID(${column}), HEX(ST_AsWKB(${column})))`
      : `HEX(CAST(${column} AS BINARY))`;
    return `IFNULL(${bytes}, 'NULL')`;
  });
  if (parts.length === 0) return "no columns";
  const history = type === "SYSTEM VERSIONED" ? " FOR SYSTEM_TIME ALL" : "";
  const rows = await query(`SELECT CONCAT_WS(',', ${parts.join(", ")}) AS r FROM ${quoteName(table)}${history}`);
  const sorted = rows.map((row) => String(row["r"])).toSorted();
  return `${sorted.length} rows ${createHash("sha256").update(sorted.join("\n")).digest("hex")}`;
}
