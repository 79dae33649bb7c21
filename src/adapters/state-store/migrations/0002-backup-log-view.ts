// The audit trail as a view with fixed names, for reports that people write in SQL.

import { sql, type Kysely, type RawBuilder } from "kysely";

export async function createBackupLogView(db: Kysely<any>, engine: "sqlite" | "postgres"): Promise<void> {
  await defineBackupLog(db, engine, sql`r.bytes`, "pruned");
}

/** The size of the dump, the name of the removed snapshots in a run's result, and the stage differ between versions. */
export async function defineBackupLog(
  db: Kysely<any>,
  engine: "sqlite" | "postgres",
  dumpSize: RawBuilder<unknown>,
  removedSnapshots: string,
  stage: RawBuilder<unknown> = sql`r.stage`,
): Promise<void> {
  const fact = (name: string) =>
    engine === "sqlite"
      ? sql`json_extract(r.result, ${sql.lit(`$.${name}`)})`
      : sql`(r.result::json ->> ${sql.lit(name)})`;
  const count = (name: string) => (engine === "sqlite" ? fact(name) : sql`${fact(name)}::bigint`);
  const errorField = (name: string) =>
    engine === "sqlite"
      ? sql`json_extract(r.error, ${sql.lit(`$.${name}`)})`
      : sql`(r.error::json ->> ${sql.lit(name)})`;
  const time = (column: string) =>
    engine === "sqlite"
      ? sql`strftime('%Y-%m-%dT%H:%M:%fZ', ${sql.ref(column)} / 1000.0, 'unixepoch')`
      : sql`to_timestamp(${sql.ref(column)} / 1000.0)`;
  const flag = (condition: ReturnType<typeof sql>) =>
    engine === "sqlite" ? sql`coalesce(${condition}, 0)` : sql`coalesce(${condition}, false)`;
  const passed =
    engine === "sqlite"
      ? sql`json_extract(b.verification, '$.passed') = 1`
      : sql`(b.verification::json ->> 'passed') = 'true'`;

  await sql`
    create view backup_log as
    select
      r.id as id,
      r.project as project_name,
      case r.status when 'succeeded' then 'success' when 'running' then 'started' when 'queued' then 'started'
        else 'failed' end as status,
      ${stage} as current_stage,
      ${time("r.started_at")} as started_at,
      ${time("r.finished_at")} as completed_at,
      ${dumpSize} as dump_size_bytes,
      ${flag(sql`b.encryption is not null`)} as encrypted,
      ${flag(passed)} as verified,
      ${fact("snapshotId")} as snapshot_id,
      ${fact("snapshotMode")} as snapshot_mode,
      ${count("filesNew")} as files_new,
      ${count("filesChanged")} as files_changed,
      ${count("bytesAdded")} as bytes_added,
      ${count(removedSnapshots)} as prune_snapshots_removed,
      ${count("localFilesCleaned")} as local_files_cleaned,
      ${errorField("stage")} as error_stage,
      ${errorField("message")} as error_message,
      r.retry_count as retry_count,
      r.finished_at - r.started_at as duration_ms,
      ${time("r.created_at")} as created_at
    from runs r left join backups b on b.id = r.backup_id
    where r.kind = 'backup'`.execute(db);
}
