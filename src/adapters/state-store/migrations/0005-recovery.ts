// Which kept writes were done: the second replay of an entry must change nothing.

import type { Kysely } from "kysely";

export async function createReplayedEntries(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("replayed_entries")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("replayed_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("replayed_entries_by_time").on("replayed_entries").column("replayed_at").execute();
}
