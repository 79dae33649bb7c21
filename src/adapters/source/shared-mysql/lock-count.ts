// Exact counts under a short read lock, which is held until the dump program has begun its own transaction: nothing
// can change in between, so the counts are those of the dump.

import type { TableCount } from "../../../domain/backup/manifest.ts";
import type { ServerConnection } from "./connection.ts";
import { quoteName } from "./identifier.ts";
import { countTables, type Table } from "./tables.ts";

export interface ReadLock extends AsyncDisposable {
  readonly at: string;
  /** `binlog.000007:1234` at the time of the lock, null when the server has none or the user may not see it. */
  readonly binlog: string | null;
  readonly counts: readonly TableCount[];
  release(): Promise<void>;
}

export async function openReadLock(
  connection: ServerConnection,
  database: string,
  tables: readonly Table[],
): Promise<ReadLock> {
  let locked = false;
  async function release(): Promise<void> {
    if (!locked) return;
    locked = false;
    await connection.run("releasing the read lock", "UNLOCK TABLES");
  }
  if (tables.length > 0) {
    const list = tables.map((table) => `${quoteName(database)}.${quoteName(table.name)} READ`).join(", ");
    await connection.run(`locking the tables of database "${database}" for counting`, `LOCK TABLES ${list}`);
    locked = true;
  }
  try {
    const binlog = await readBinlogPosition(connection);
    const at = new Date().toISOString();
    const counts = await countTables(connection, database, tables);
    return {
      at,
      binlog,
      counts,
      release,
      // An aborted connection is closed already, and its locks with it.
      [Symbol.asyncDispose]: () => release().catch(() => {}),
    };
  } catch (error) {
    await release().catch(() => {});
    throw error;
  }
}

async function readBinlogPosition(connection: ServerConnection): Promise<string | null> {
  for (const statement of ["SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"]) {
    try {
      const [row] = await connection.query<{ File: string; Position: number | string }>(statement);
      if (row !== undefined) return `${row.File}:${row.Position}`;
    } catch {
      // Another version's word for it, or not permitted.
    }
  }
  return null;
}
