// Slots of schedules and where each schedule stands.

import { sql, type SelectQueryBuilder } from "kysely";
import type { ScheduleMark, SlotKey, SlotRecord } from "../../domain/schedule/slot-record.ts";
import type { ScheduleStore, SlotChanges, SlotFilter } from "../../ports/state-store-schedules.ts";
import type { StateEngine } from "./engine.ts";
import type { ScheduleMarkRow, ScheduleSlotRow, Tables } from "./schema.ts";

/** Keeps an insert below every engine's limit of parameters. */
const rowsPerInsert = 500;

export function createScheduleStore(engine: StateEngine): ScheduleStore {
  const { db } = engine;
  return {
    async listScheduleMarks() {
      return (await db.selectFrom("schedule_marks").selectAll().execute()).map(toMark);
    },

    async saveScheduleMarks(marks) {
      if (marks.length === 0) return;
      await engine.write("durable", async (t) => {
        for (const batch of inBatches(marks)) {
          await t
            .insertInto("schedule_marks")
            .values(batch.map(toMarkRow))
            .onConflict((conflict) =>
              conflict.columns(["project", "schedule"]).doUpdateSet((eb) => ({
                rule: eb.ref("excluded.rule"),
                since: eb.ref("excluded.since"),
                judged_until: eb.ref("excluded.judged_until"),
              })),
            )
            .execute();
        }
      });
    },

    async claimSlots(slots) {
      if (slots.length === 0) return [];
      return engine.write("durable", async (t) => {
        const claimed: SlotKey[] = [];
        // In one order in every process, so that two that claim the same ones wait for each other and never in a circle.
        const ordered = slots.toSorted(byKey);
        for (const batch of inBatches(ordered)) {
          const rows = await t
            .insertInto("schedule_slots")
            .values(batch.map(toSlotRow))
            .onConflict((conflict) => conflict.columns(["project", "schedule", "slot_at"]).doNothing())
            .returning(["project", "schedule", "slot_at"])
            .execute();
          claimed.push(...rows.map(({ slot_at: slotAt, ...key }) => ({ ...key, slotAt })));
        }
        await moveMarks(t, ordered);
        return claimed;
      });
    },

    async updateSlot(key, changes) {
      const row = toChangesRow(changes);
      if (Object.keys(row).length === 0) return;
      await engine.write("durable", async (t) => {
        await t
          .updateTable("schedule_slots")
          .set(row)
          .where((eb) => eb.and(toKeyRow(key)))
          .where("status", "in", ["queued", "running"])
          .execute();
      });
    },

    async takeOverSlot(key, from, to) {
      return engine.write("durable", async (t) => {
        const taken = await t
          .updateTable("schedule_slots")
          .set({ owner: JSON.stringify(to) })
          .where((eb) => eb.and(toKeyRow(key)))
          .where("status", "in", ["queued", "running"])
          .where("owner", "=", JSON.stringify(from))
          .executeTakeFirst();
        return taken.numUpdatedRows > 0n;
      });
    },

    async listSlots(filter) {
      const rows = await where(db.selectFrom("schedule_slots"), filter)
        .selectAll()
        .orderBy("slot_at", "desc")
        .orderBy("recorded_at", "desc")
        .orderBy("project")
        .orderBy("schedule")
        .limit(filter.limit)
        .offset(filter.offset ?? 0)
        .execute();
      return rows.map(toSlot);
    },

    async deleteSlotsBefore(slotAt) {
      return engine.write("relaxed", async (t) => {
        const deleted = await t
          .deleteFrom("schedule_slots")
          .where("slot_at", "<", slotAt)
          .where("status", "in", ["done", "skipped"])
          .executeTakeFirst();
        return Number(deleted.numDeletedRows);
      });
    },
  };
}

/** `judgedUntil` never moves back here: an older slot that is recorded late says nothing of the newer ones. */
async function moveMarks(t: StateEngine["db"], slots: readonly SlotKey[]): Promise<void> {
  const newest = new Map<string, SlotKey>();
  for (const slot of slots) {
    const key = JSON.stringify([slot.project, slot.schedule]);
    if ((newest.get(key)?.slotAt ?? Number.NEGATIVE_INFINITY) < slot.slotAt) newest.set(key, slot);
  }
  for (const batch of inBatches([...newest.values()])) {
    const values = batch.map(
      ({ project, schedule, slotAt }) => sql`(${project}, ${schedule}, cast(${slotAt} as bigint))`,
    );
    // Both engines call the columns of a list of values so.
    await sql`
      update schedule_marks set judged_until = newest.column3
      from (values ${sql.join(values)}) as newest
      where project = newest.column1 and schedule = newest.column2 and judged_until < newest.column3
    `.execute(t);
  }
}

function byKey(a: SlotKey, b: SlotKey): number {
  if (a.project !== b.project) return a.project < b.project ? -1 : 1;
  if (a.schedule !== b.schedule) return a.schedule < b.schedule ? -1 : 1;
  return a.slotAt - b.slotAt;
}

function inBatches<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / rowsPerInsert);
  return Array.from({ length: count }, (_, index) => items.slice(index * rowsPerInsert, (index + 1) * rowsPerInsert));
}

function toKeyRow({ project, schedule, slotAt }: SlotKey): Pick<ScheduleSlotRow, "project" | "schedule" | "slot_at"> {
  return { project, schedule, slot_at: slotAt };
}

function where<O>(
  query: SelectQueryBuilder<Tables, "schedule_slots", O>,
  { project, schedule, status, since }: SlotFilter,
) {
  let narrowed = query;
  if (project !== undefined) narrowed = narrowed.where("project", "=", project);
  if (schedule !== undefined) narrowed = narrowed.where("schedule", "=", schedule);
  if (since !== undefined) narrowed = narrowed.where("slot_at", ">=", since);
  // An empty list matches nothing; PostgreSQL has no `in ()` to say so.
  if (status?.length === 0) return narrowed.where((eb) => eb.lit(false));
  return status === undefined ? narrowed : narrowed.where("status", "in", status);
}

function toMark(row: ScheduleMarkRow): ScheduleMark {
  const { judged_until: judgedUntil, ...mark } = row;
  return { ...mark, judgedUntil };
}

function toMarkRow({ judgedUntil, ...mark }: ScheduleMark): ScheduleMarkRow {
  return { ...mark, judged_until: judgedUntil };
}

function toSlotRow(slot: SlotRecord): ScheduleSlotRow {
  return {
    project: slot.project,
    schedule: slot.schedule,
    slot_at: slot.slotAt,
    kind: slot.kind,
    status: slot.status,
    reason: slot.reason,
    run_id: slot.runId,
    outcome: slot.outcome,
    missed_since: slot.missedSince,
    owner: JSON.stringify(slot.owner),
    recorded_at: slot.recordedAt,
    started_at: slot.startedAt,
    finished_at: slot.finishedAt,
  };
}

function toSlot(row: ScheduleSlotRow): SlotRecord {
  return {
    project: row.project,
    schedule: row.schedule,
    slotAt: row.slot_at,
    kind: row.kind as SlotRecord["kind"],
    status: row.status as SlotRecord["status"],
    reason: row.reason,
    runId: row.run_id,
    outcome: row.outcome as SlotRecord["outcome"],
    missedSince: row.missed_since,
    owner: JSON.parse(row.owner) as SlotRecord["owner"],
    recordedAt: row.recorded_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

function toChangesRow(changes: SlotChanges): Partial<ScheduleSlotRow> {
  return {
    ...(changes.status !== undefined && { status: changes.status }),
    ...(changes.reason !== undefined && { reason: changes.reason }),
    ...(changes.runId !== undefined && { run_id: changes.runId }),
    ...(changes.outcome !== undefined && { outcome: changes.outcome }),
    ...(changes.startedAt !== undefined && { started_at: changes.startedAt }),
    ...(changes.finishedAt !== undefined && { finished_at: changes.finishedAt }),
  };
}
