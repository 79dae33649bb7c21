// Brings the schema up to date: one query when there is nothing to do, one locked transaction when there is.

import { AppError } from "../../domain/error.ts";
import type { StateEngine } from "./engine.ts";
import { migrations } from "./migrations/index.ts";

export type AppliedMigrations = ReadonlyMap<string, number>;

/** Empty when the store is new. */
export async function readApplied(engine: StateEngine): Promise<AppliedMigrations> {
  try {
    const rows = await engine.db.selectFrom("migrations").selectAll().execute();
    return new Map(rows.map((row) => [row.name, row.applied_at]));
  } catch (error) {
    if (engine.isMissingTable(error)) return new Map();
    throw error;
  }
}

export async function migrate(engine: StateEngine, now: () => number): Promise<readonly string[]> {
  const before = await readApplied(engine);
  refuseNewerStore(engine, before.keys());
  if (migrations.every((migration) => before.has(migration.name))) return [];
  return engine.write("durable", async (transaction) => {
    await engine.lockForMigration(transaction);
    await transaction.schema
      .createTable("migrations")
      .ifNotExists()
      .addColumn("name", "text", (column) => column.primaryKey().notNull())
      .addColumn("applied_at", "bigint", (column) => column.notNull())
      .execute();
    // Read again: another process may have migrated while we waited for the lock.
    const done = new Set((await transaction.selectFrom("migrations").select("name").execute()).map((row) => row.name));
    refuseNewerStore(engine, done);
    const applied: string[] = [];
    for (const migration of migrations) {
      if (done.has(migration.name)) continue;
      await migration.up(transaction, engine.name);
      await transaction.insertInto("migrations").values({ name: migration.name, applied_at: now() }).execute();
      applied.push(migration.name);
    }
    return applied;
  });
}

function refuseNewerStore(engine: StateEngine, names: Iterable<string>): void {
  const known = new Set(migrations.map((migration) => migration.name));
  const unknown = [...names].filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new AppError("state_failed", `the state store ${engine.location} has the unknown migration ${unknown[0]}`, {
    hint: "a newer version of backupctl has used this state store: update this one",
    details: { unknown },
  });
}
