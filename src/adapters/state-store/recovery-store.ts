// Kept writes done once, and the end of runs whose process died.

import { toAppError } from "../../domain/error.ts";
import { isTerminal, runStatuses } from "../../domain/run/run.ts";
import type { RecoveryStore } from "../../ports/state-store-recovery.ts";
import { applyWrite, type WriteTarget } from "./apply-write.ts";
import { createBackupStore } from "./backup-store.ts";
import type { StateEngine } from "./engine.ts";
import { isRefusal } from "./refusal.ts";
import { toRun, toRunChangesRow } from "./run-rows.ts";
import { createRunStore } from "./run-store.ts";

/** An entry leaves the journal right after its replay; only a crash in between can bring it back. */
const rememberedMs = 90 * 24 * 60 * 60 * 1000;

export function createRecoveryStore(engine: StateEngine, now: () => number): RecoveryStore {
  return {
    async replay({ id, write }) {
      try {
        return await engine.write("durable", async (t) => {
          const at = now();
          await t
            .deleteFrom("replayed_entries")
            .where("replayed_at", "<", at - rememberedMs)
            .execute();
          const added = await t
            .insertInto("replayed_entries")
            .values({ id, replayed_at: at })
            .onConflict((conflict) => conflict.column("id").doNothing())
            .executeTakeFirst();
          if ((added.numInsertedOrUpdatedRows ?? 0n) === 0n) return { status: "known" };
          await applyWrite(targetIn(engine, t), write);
          return { status: "stored" };
        });
      } catch (error) {
        const failure = engine.translate(error, "replay a kept write");
        if (!isRefusal(failure)) throw failure;
        return { status: "refused", reason: toAppError(error).message };
      }
    },

    async failDeadRun(runId, { at, error }) {
      const row = toRunChangesRow({ status: "failed", finishedAt: at, error });
      return engine.write("durable", async (t) => {
        const updated = await t
          .updateTable("runs")
          .set(row)
          .where("id", "=", runId)
          .where(
            "status",
            "in",
            runStatuses.filter((status) => !isTerminal(status)),
          )
          .executeTakeFirst();
        return updated.numUpdatedRows > 0n;
      });
    },
  };
}

/** The stores' own calls, within this transaction. */
function targetIn(engine: StateEngine, t: Parameters<Parameters<StateEngine["write"]>[1]>[0]): WriteTarget {
  const inner: StateEngine = { ...engine, db: t, read: (work) => work(t), write: (_durability, work) => work(t) };
  return {
    ...createRunStore(inner),
    ...createBackupStore(inner),
    async getRun(id) {
      const row = await t.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toRun(row);
    },
    async countLines(runId) {
      const row = await t.selectFrom("runs").select("log_seq").where("id", "=", runId).executeTakeFirst();
      return row?.log_seq ?? 0;
    },
    async correctRun(id, changes) {
      // What the changes do not name stays; the error of the recovery goes unless there is one.
      const row = { ...toRunChangesRow(changes), error: changes.error ? JSON.stringify(changes.error) : null };
      await t.updateTable("runs").set(row).where("id", "=", id).execute();
    },
  };
}
