// Messages to people that wait to be sent.

import type { Kysely } from "kysely";

export async function createOutbox(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("outbox")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("channel", "text", (column) => column.notNull())
    .addColumn("notice", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("next_attempt_at", "bigint", (column) => column.notNull())
    .addColumn("settled_at", "bigint")
    .addColumn("last_error", "text")
    .addColumn("holder", "text")
    .addColumn("leased_until", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("outbox_by_channel")
    .on("outbox")
    .columns(["status", "channel", "created_at", "id"])
    .execute();
  await db.schema.createIndex("outbox_by_time").on("outbox").columns(["created_at", "id"]).execute();
}
