// A database as text: its definitions as pg_dump writes them, and an ordered hash of every table's rows.

import { join } from "node:path";
import { quoteConninfo } from "../../src/adapters/source/postgres/identifier.ts";
import type { TestServer } from "./postgres-server.ts";

export async function describeDatabase(server: TestServer, database: string): Promise<string> {
  const dump = Bun.spawnSync(
    [
      join(server.binDir, "pg_dump"),
      "--schema-only",
      "--host",
      server.admin.host,
      "--port",
      String(server.port),
      "--username=postgres",
      `--dbname=dbname=${quoteConninfo(database)}`,
    ],
    { stderr: "pipe" },
  );
  if (dump.exitCode !== 0) throw new Error(dump.stderr.toString());
  const definitions = dump.stdout.toString().replace(/^\\(un)?restrict .*$/gm, "");
  const rows = await server.run(
    database,
    `SELECT c.oid::regclass::text AS name, (xpath('/row/h/text()', query_to_xml(format(
        'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")) || count(*) AS h FROM ONLY %s AS t', c.oid::regclass),
        false, true, '')))[1]::text AS hash
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
      ORDER BY 1`,
  );
  const objects = await server.run(
    database,
    "SELECT oid::text AS oid, md5(lo_get(oid)) AS hash FROM pg_largeobject_metadata ORDER BY oid",
  );
  return [definitions, JSON.stringify(rows, null, 1), JSON.stringify(objects, null, 1)].join("\n");
}
