// Slots of schedules, where each schedule stands, and alerts.

import type { Kysely } from "kysely";

export async function createSchedulesAndAlerts(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("schedule_marks")
    .addColumn("project", "text", (column) => column.notNull())
    .addColumn("schedule", "text", (column) => column.notNull())
    .addColumn("rule", "text", (column) => column.notNull())
    .addColumn("since", "bigint", (column) => column.notNull())
    .addColumn("judged_until", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("schedule_marks_pk", ["project", "schedule"])
    .execute();

  await db.schema
    .createTable("schedule_slots")
    .addColumn("project", "text", (column) => column.notNull())
    .addColumn("schedule", "text", (column) => column.notNull())
    .addColumn("slot_at", "bigint", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("reason", "text")
    .addColumn("run_id", "text")
    .addColumn("outcome", "text")
    .addColumn("missed_since", "bigint")
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("recorded_at", "bigint", (column) => column.notNull())
    .addColumn("started_at", "bigint")
    .addColumn("finished_at", "bigint")
    .addPrimaryKeyConstraint("schedule_slots_pk", ["project", "schedule", "slot_at"])
    .execute();
  await db.schema.createIndex("schedule_slots_by_time").on("schedule_slots").columns(["slot_at"]).execute();
  await db.schema.createIndex("schedule_slots_by_status").on("schedule_slots").columns(["status", "slot_at"]).execute();

  await db.schema
    .createTable("alerts")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    // Null once resolved: so that one of a kind stands at a time, and any number of old ones are kept.
    .addColumn("open_key", "text", (column) => column.unique())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("project", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("message", "text", (column) => column.notNull())
    .addColumn("opened_at", "bigint", (column) => column.notNull())
    .addColumn("resolved_at", "bigint")
    .execute();
  await db.schema.createIndex("alerts_by_time").on("alerts").columns(["opened_at", "id"]).execute();
}
