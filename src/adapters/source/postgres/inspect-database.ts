// Looks at a database that may be restored into.

import type { TargetState } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { connect, type PostgresConnection } from "./connection.ts";
import { databaseExists } from "./maintenance.ts";
import { formatBytes } from "./tmp-space.ts";

/** Extensions alone leave a database empty: administrators put them there beforehand. */
export async function inspectDatabase(
  config: PostgresConfig,
  maintenance: PostgresConnection,
  database: string,
  signal: AbortSignal,
): Promise<TargetState> {
  if (!(await databaseExists(maintenance, database))) {
    return { exists: false, empty: true, description: `database "${database}" does not exist` };
  }
  await using connection = await connect(config, { database, signal, errorCode: "restore_failed" });
  const [row] = await connection.run<{ tables: number; others: number; size: string }>(
    "looking into the target database",
    `WITH own AS (SELECT oid FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'),
      member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
    SELECT
      (SELECT count(*)::int FROM pg_class AS c WHERE relkind IN ('r', 'p', 'f') AND relnamespace IN (SELECT oid FROM own)
        AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)) AS tables,
      (SELECT count(*)::int FROM pg_class AS c WHERE relkind IN ('v', 'm', 'S', 'c') AND relnamespace IN (SELECT oid FROM own)
        AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid))
      + (SELECT count(*)::int FROM pg_proc AS p WHERE pronamespace IN (SELECT oid FROM own)
        AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid))
      + (SELECT count(*)::int FROM pg_type AS t WHERE typtype IN ('d', 'e', 'r') AND typnamespace IN (SELECT oid FROM own)
        AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = t.oid))
      + (SELECT count(*)::int FROM pg_namespace AS n WHERE oid IN (SELECT oid FROM own) AND nspname <> 'public'
        AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_namespace'::regclass AND objid = n.oid))
      + (SELECT count(*)::int FROM pg_largeobject_metadata) AS others,
      pg_database_size(current_database())::text AS size`,
  );
  const [tables, others] = [row?.tables ?? 0, row?.others ?? 0];
  const parts = [
    tables === 1 ? "1 table" : `${tables} tables`,
    ...(others > 0 ? [others === 1 ? "1 other object" : `${others} other objects`] : []),
    formatBytes(Number(row?.size ?? 0)),
  ];
  return { exists: true, empty: tables + others === 0, description: parts.join(", ") };
}
