// Runs, their stages and their log lines.

import type { SelectQueryBuilder } from "kysely";
import { AppError } from "../../domain/error.ts";
import type { RunChanges } from "../../domain/run/audit-write.ts";
import { canTransition, isTerminal, runStatuses } from "../../domain/run/run.ts";
import type { RunFilter, StateStore } from "../../ports/state-store.ts";
import type { StateEngine } from "./engine.ts";
import { selectNewestRuns } from "./newest-runs.ts";
import { refusal } from "./refusal.ts";
import {
  severityOf,
  toLogLine,
  toLogRow,
  toRun,
  toRunChangesRow,
  toRunRow,
  toStageRecord,
  toStageRow,
} from "./run-rows.ts";
import type { Tables } from "./schema.ts";

export type RunStore = Pick<
  StateStore,
  | "createRun"
  | "updateRun"
  | "findRun"
  | "listRuns"
  | "countRuns"
  | "listLatestRuns"
  | "saveStage"
  | "listStages"
  | "appendLog"
  | "listLog"
>;

/** Keeps an insert below every engine's limit of parameters. */
const linesPerInsert = 500;

export function createRunStore(engine: StateEngine): RunStore {
  const { db } = engine;
  return {
    async createRun(run) {
      await engine.write("durable", (t) => t.insertInto("runs").values(toRunRow(run)).execute());
    },

    async updateRun(id, changes) {
      const row = toRunChangesRow(changes);
      if (Object.keys(row).length === 0) return;
      await engine.write(changes.status === undefined ? "relaxed" : "durable", async (t) => {
        const updated = await t
          .updateTable("runs")
          .set(row)
          .where("id", "=", id)
          .where("status", "in", allowedBefore(changes))
          .executeTakeFirst();
        if (updated.numUpdatedRows > 0n) return;
        const current = await t.selectFrom("runs").select("status").where("id", "=", id).executeTakeFirst();
        throw refusedUpdate(id, current?.status, changes);
      });
    },

    async findRun(idOrPrefix) {
      const exact = await db.selectFrom("runs").selectAll().where("id", "=", idOrPrefix).executeTakeFirst();
      if (exact !== undefined || idOrPrefix === "") return exact && toRun(exact);
      const matches = await db
        .selectFrom("runs")
        .selectAll()
        .where((eb) => eb(eb.fn("substr", ["id", eb.lit(1), eb.val([...idOrPrefix].length)]), "=", idOrPrefix))
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(10)
        .execute();
      if (matches.length > 1)
        throw ambiguousRun(
          idOrPrefix,
          matches.map((row) => row.id),
        );
      return matches[0] && toRun(matches[0]);
    },

    async listRuns(filter) {
      const rows = await where(db.selectFrom("runs"), filter)
        .selectAll()
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(filter.limit)
        .offset(filter.offset ?? 0)
        .execute();
      return rows.map(toRun);
    },

    async countRuns(filter) {
      const row = await where(db.selectFrom("runs"), filter)
        .select((eb) => eb.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return row.count;
    },

    async listLatestRuns(kind) {
      const rows = await selectNewestRuns(db, kind, "all")
        .orderBy("runs.created_at", "desc")
        .orderBy("runs.id", "desc")
        .execute();
      return rows.map(toRun);
    },

    async saveStage(runId, record) {
      await engine.write("relaxed", async (t) => {
        await touchRun(t, runId);
        const last = await t
          .selectFrom("run_stages")
          .select((eb) => eb.fn.max("position").as("position"))
          .where("run_id", "=", runId)
          .executeTakeFirst();
        const row = toStageRow(runId, record, (last?.position ?? 0) + 1);
        const { run_id: _run, stage: _stage, position: _position, ...replaced } = row;
        await t
          .insertInto("run_stages")
          .values(row)
          .onConflict((conflict) => conflict.columns(["run_id", "stage"]).doUpdateSet(replaced))
          .execute();
      });
    },

    async listStages(runId) {
      const rows = await db
        .selectFrom("run_stages")
        .selectAll()
        .where("run_id", "=", runId)
        .orderBy("started_at")
        .orderBy("position")
        .execute();
      return rows.map(toStageRecord);
    },

    async appendLog(runId, lines) {
      if (lines.length === 0) return;
      await engine.write("relaxed", async (t) => {
        const next = await touchRun(t, runId, lines.length);
        for (let from = 0; from < lines.length; from += linesPerInsert) {
          const rows = lines
            .slice(from, from + linesPerInsert)
            .map((line, index) => toLogRow(runId, next + from + index, line));
          await t.insertInto("run_logs").values(rows).execute();
        }
      });
    },

    async listLog(runId, filter) {
      let query = db.selectFrom("run_logs").selectAll().where("run_id", "=", runId);
      if (filter.level !== undefined) query = query.where("severity", ">=", severityOf(filter.level));
      if (filter.afterSeq !== undefined) query = query.where("seq", ">", filter.afterSeq);
      const rows = await query
        .orderBy("seq", filter.afterSeq === undefined ? "desc" : "asc")
        .limit(filter.limit)
        .offset(filter.offset ?? 0)
        .execute();
      return rows.map(toLogLine);
    },
  };
}

/** Locks the run's row, so that two writers take turns, and reserves `lines` numbers; returns the first. */
async function touchRun(t: StateEngine["db"], runId: string, lines = 0): Promise<number> {
  const row = await t
    .updateTable("runs")
    .set((eb) => ({ log_seq: eb("log_seq", "+", lines) }))
    .where("id", "=", runId)
    .returning("log_seq")
    .executeTakeFirst();
  if (row === undefined) throw refusal(`the run ${runId} is not in the state store`);
  return row.log_seq - lines + 1;
}

function where<O>(query: SelectQueryBuilder<Tables, "runs", O>, filter: Omit<RunFilter, "limit" | "offset">) {
  let narrowed = query;
  if (filter.project !== undefined) narrowed = narrowed.where("project", "=", filter.project);
  if (filter.kind !== undefined) narrowed = narrowed.where("kind", "=", filter.kind);
  // An empty list matches nothing; PostgreSQL has no `in ()` to say so.
  if (filter.status?.length === 0) narrowed = narrowed.where((eb) => eb.lit(false));
  else if (filter.status !== undefined) narrowed = narrowed.where("status", "in", filter.status);
  if (filter.since !== undefined) narrowed = narrowed.where("created_at", ">=", filter.since);
  return narrowed;
}

function allowedBefore(changes: RunChanges): readonly string[] {
  const { status } = changes;
  const open = runStatuses.filter((from) => !isTerminal(from));
  return status === undefined ? open : open.filter((from) => from === status || canTransition(from, status));
}

function refusedUpdate(id: string, current: string | undefined, changes: RunChanges): AppError {
  if (current === undefined) return refusal(`the run ${id} is not in the state store`);
  const attempt = changes.status === undefined ? "change it" : `make it ${changes.status}`;
  return refusal(`the run ${id} has ${current} and cannot be changed: tried to ${attempt}`, { status: current });
}

function ambiguousRun(prefix: string, candidates: readonly string[]): AppError {
  return new AppError("usage", `more than one run begins with ${prefix}: ${candidates.join(", ")}`, {
    hint: "give more characters of the id",
    details: { candidates },
  });
}
