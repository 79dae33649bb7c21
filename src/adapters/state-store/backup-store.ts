// The catalogue of backups: what is where, pinned or not, and how it was verified.

import type { Transaction } from "kysely";
import { AppError } from "../../domain/error.ts";
import type { Backup } from "../../domain/backup/backup.ts";
import type { StateStore } from "../../ports/state-store.ts";
import { toBackup, toBackupRow, toVerificationRow } from "./backup-rows.ts";
import type { StateEngine } from "./engine.ts";
import type { BackupRow, Tables } from "./schema.ts";

export type BackupStore = Pick<
  StateStore,
  "saveBackup" | "removeBackupFromStorage" | "saveVerification" | "savePin" | "findBackup" | "listBackups"
>;

const candidatesShown = 10;

export function createBackupStore(engine: StateEngine): BackupStore {
  return {
    async saveBackup(backup) {
      await engine.write("durable", async (t) => {
        await t.deleteFrom("backup_storages").where("backup_id", "=", backup.id).execute();
        if (backup.storages.length === 0) {
          await t.deleteFrom("backups").where("id", "=", backup.id).execute();
          return;
        }
        const row = toBackupRow(backup);
        const { id: _id, ...replaced } = row;
        await t
          .insertInto("backups")
          .values(row)
          .onConflict((conflict) => conflict.column("id").doUpdateSet(replaced))
          .execute();
        const storages = [...new Set(backup.storages)];
        await t
          .insertInto("backup_storages")
          .values(storages.map((storage, position) => ({ backup_id: backup.id, storage, position })))
          .execute();
        if (backup.verification !== null) await addToHistory(t, backup.id, backup.verification);
      });
    },

    async removeBackupFromStorage(backupId, storage) {
      await engine.write("durable", async (t) => {
        await t
          .deleteFrom("backup_storages")
          .where("backup_id", "=", backupId)
          .where("storage", "=", storage)
          .execute();
        await t
          .deleteFrom("backups")
          .where("id", "=", backupId)
          .where("id", "not in", (eb) => eb.selectFrom("backup_storages").select("backup_id"))
          .execute();
      });
    },

    async saveVerification(backupId, verification) {
      await engine.write("durable", async (t) => {
        const row = await requireBackup(t, backupId);
        const { verification: current } = toBackup(row, []);
        if (current === null || current.at <= verification.at) {
          const text = JSON.stringify(verification);
          await t.updateTable("backups").set({ verification: text }).where("id", "=", backupId).execute();
        }
        await addToHistory(t, backupId, verification);
      });
    },

    async savePin(backupId, pinned) {
      await engine.write("durable", async (t) => {
        await requireBackup(t, backupId);
        await t
          .updateTable("backups")
          .set({ pinned: pinned ? 1 : 0 })
          .where("id", "=", backupId)
          .execute();
      });
    },

    async findBackup(project, idOrPrefix) {
      return engine.read(async (t) => {
        const ofProject = t.selectFrom("backups").selectAll().where("project", "=", project);
        const exact = await ofProject.where("id", "=", idOrPrefix).executeTakeFirst();
        if (exact !== undefined) return (await withStorages(t, [exact]))[0];
        if (idOrPrefix === "") return undefined;
        const matches = await ofProject
          .where((eb) => eb(eb.fn("substr", ["id", eb.lit(1), eb.val([...idOrPrefix].length)]), "=", idOrPrefix))
          .orderBy("created_at", "desc")
          .orderBy("id", "desc")
          .limit(candidatesShown)
          .execute();
        if (matches.length > 1)
          throw ambiguousBackup(
            project,
            idOrPrefix,
            matches.map((row) => row.id),
          );
        return (await withStorages(t, matches))[0];
      });
    },

    async listBackups(filter) {
      return engine.read(async (t) => {
        let query = t.selectFrom("backups").selectAll();
        if (filter.project !== undefined) query = query.where("project", "=", filter.project);
        if (filter.type !== undefined) query = query.where("type", "=", filter.type);
        const { storage } = filter;
        if (storage !== undefined)
          query = query.where((eb) =>
            eb.exists(
              eb
                .selectFrom("backup_storages")
                .select("backup_id")
                .whereRef("backup_storages.backup_id", "=", "backups.id")
                .where("storage", "=", storage),
            ),
          );
        const rows = await query
          .orderBy("created_at", "desc")
          .orderBy("id", "desc")
          .limit(filter.limit)
          .offset(filter.offset ?? 0)
          .execute();
        return withStorages(t, rows);
      });
    },
  };
}

async function withStorages(t: Transaction<Tables>, rows: readonly BackupRow[]): Promise<readonly Backup[]> {
  const storages = new Map<string, string[]>(rows.map((row) => [row.id, []]));
  const ids = [...storages.keys()];
  const idsPerQuery = 1_000;
  for (let from = 0; from < ids.length; from += idsPerQuery) {
    const found = await t
      .selectFrom("backup_storages")
      .selectAll()
      .where("backup_id", "in", ids.slice(from, from + idsPerQuery))
      .orderBy("position")
      .execute();
    for (const row of found) storages.get(row.backup_id)?.push(row.storage);
  }
  return rows.map((row) => toBackup(row, storages.get(row.id) ?? []));
}

async function requireBackup(t: Transaction<Tables>, id: string): Promise<BackupRow> {
  const row = await t.selectFrom("backups").selectAll().where("id", "=", id).executeTakeFirst();
  if (row !== undefined) return row;
  throw new AppError("backup_not_found", `the backup ${id} is not in the state store`, {
    hint: "run backupctl catalog rebuild to read the storages again",
  });
}

async function addToHistory(
  t: Transaction<Tables>,
  backupId: string,
  verification: NonNullable<Backup["verification"]>,
): Promise<void> {
  const row = toVerificationRow(backupId, verification);
  await t
    .insertInto("verifications")
    .values(row)
    .onConflict((conflict) => conflict.columns(["backup_id", "verified_at", "storage", "level"]).doUpdateSet(row))
    .execute();
}

function ambiguousBackup(project: string, prefix: string, candidates: readonly string[]): AppError {
  return new AppError(
    "backup_not_found",
    `more than one backup of ${project} begins with ${prefix}: ${candidates.join(", ")}`,
    { hint: "give more characters of the id", details: { candidates } },
  );
}
