// The first schema: runs with their stages and log lines, and the catalogue of backups.

import type { Kysely } from "kysely";

export async function createRunsAndBackups(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("runs")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("project", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("is_partial", "integer", (column) => column.notNull())
    .addColumn("triggered_by", "text", (column) => column.notNull())
    .addColumn("stage", "text")
    .addColumn("backup_id", "text")
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("started_at", "bigint")
    .addColumn("finished_at", "bigint")
    .addColumn("heartbeat_at", "bigint", (column) => column.notNull())
    .addColumn("bytes", "bigint", (column) => column.notNull())
    .addColumn("retry_count", "integer", (column) => column.notNull())
    .addColumn("warnings", "text", (column) => column.notNull())
    .addColumn("error", "text")
    .addColumn("result", "text", (column) => column.notNull())
    .addColumn("log_seq", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("runs_by_time").on("runs").columns(["created_at", "id"]).execute();
  await db.schema.createIndex("runs_by_project").on("runs").columns(["project", "kind", "created_at", "id"]).execute();
  // In the order in which the newest run of a kind per project is looked for, so that the wide rows are not touched.
  await db.schema
    .createIndex("runs_by_kind")
    .on("runs")
    .columns(["kind", "project", "created_at desc", "id desc"])
    .execute();
  await db.schema.createIndex("runs_by_status").on("runs").columns(["status", "created_at"]).execute();

  await db.schema
    .createTable("run_stages")
    .addColumn("run_id", "text", (column) => column.notNull().references("runs.id").onDelete("cascade"))
    .addColumn("stage", "text", (column) => column.notNull())
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .addColumn("finished_at", "bigint")
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("message", "text")
    .addPrimaryKeyConstraint("run_stages_pk", ["run_id", "stage"])
    .execute();

  await db.schema
    .createTable("run_logs")
    .addColumn("run_id", "text", (column) => column.notNull().references("runs.id").onDelete("cascade"))
    .addColumn("seq", "bigint", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("severity", "integer", (column) => column.notNull())
    .addColumn("stage", "text")
    .addColumn("message", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("run_logs_pk", ["run_id", "seq"])
    .execute();

  await db.schema
    .createTable("backups")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("project", "text", (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("schedule", "text")
    .addColumn("engine", "text", (column) => column.notNull())
    .addColumn("stem", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("finished_at", "bigint", (column) => column.notNull())
    .addColumn("size_bytes", "bigint", (column) => column.notNull())
    .addColumn("pinned", "integer", (column) => column.notNull())
    .addColumn("verification", "text")
    .addColumn("encryption", "text")
    .addColumn("warnings", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("backups_by_time").on("backups").columns(["created_at", "id"]).execute();
  await db.schema.createIndex("backups_by_project").on("backups").columns(["project", "created_at", "id"]).execute();

  await db.schema
    .createTable("backup_storages")
    .addColumn("backup_id", "text", (column) => column.notNull().references("backups.id").onDelete("cascade"))
    .addColumn("storage", "text", (column) => column.notNull())
    .addColumn("position", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("backup_storages_pk", ["backup_id", "storage"])
    .execute();

  await db.schema
    .createTable("verifications")
    .addColumn("backup_id", "text", (column) => column.notNull().references("backups.id").onDelete("cascade"))
    .addColumn("verified_at", "bigint", (column) => column.notNull())
    .addColumn("storage", "text", (column) => column.notNull())
    .addColumn("level", "text", (column) => column.notNull())
    .addColumn("passed", "integer", (column) => column.notNull())
    .addColumn("message", "text")
    .addColumn("restore_ms", "bigint")
    .addPrimaryKeyConstraint("verifications_pk", ["backup_id", "verified_at", "storage", "level"])
    .execute();
}
