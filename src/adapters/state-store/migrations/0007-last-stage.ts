// The audit trail names the last stage of a run that has ended, not only the one that is on.

import { sql, type Kysely } from "kysely";
import { defineBackupLog } from "./0002-backup-log-view.ts";
import { dumpSizeOf } from "./0006-repository-facts.ts";

export async function keepLastStage(db: Kysely<any>, engine: "sqlite" | "postgres"): Promise<void> {
  await sql`drop view backup_log`.execute(db);
  const last = sql`(select s.stage from run_stages s where s.run_id = r.id order by s.position desc limit 1)`;
  await defineBackupLog(db, engine, dumpSizeOf(engine), "pruneSnapshotsRemoved", sql`coalesce(r.stage, ${last})`);
}
