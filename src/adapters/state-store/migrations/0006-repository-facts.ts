// The audit trail reads what runs report of repositories: the removed snapshots, and the size of the staged dump.

import { sql, type Kysely, type RawBuilder } from "kysely";
import { defineBackupLog } from "./0002-backup-log-view.ts";

export async function readRepositoryFacts(db: Kysely<any>, engine: "sqlite" | "postgres"): Promise<void> {
  await sql`drop view backup_log`.execute(db);
  await defineBackupLog(db, engine, dumpSizeOf(engine), "pruneSnapshotsRemoved");
}

export function dumpSizeOf(engine: "sqlite" | "postgres"): RawBuilder<unknown> {
  return engine === "sqlite"
    ? sql`coalesce(json_extract(r.result, '$.dumpSizeBytes'), r.bytes)`
    : sql`coalesce((r.result::json ->> 'dumpSizeBytes')::bigint, r.bytes)`;
}
