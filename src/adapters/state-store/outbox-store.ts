// Messages that wait to be sent: who claims one has it until the lease ends.

import type { Notice } from "../../domain/notification/notice.ts";
import type { NotificationStatus, OutboxStore, StoredNotification } from "../../ports/state-store-outbox.ts";
import type { StateEngine } from "./engine.ts";
import type { OutboxRow } from "./schema.ts";

/** Keeps an insert below every engine's limit of parameters. */
const rowsPerInsert = 100;

export function createOutboxStore(engine: StateEngine): OutboxStore {
  return {
    async addNotifications(notifications) {
      if (notifications.length === 0) return;
      const rows = notifications.map(({ id, channel, notice, createdAt }): OutboxRow => ({
        id,
        channel,
        notice: JSON.stringify(notice),
        created_at: createdAt,
        status: "pending",
        attempts: 0,
        next_attempt_at: createdAt,
        settled_at: null,
        last_error: null,
        holder: null,
        leased_until: 0,
      }));
      await engine.write("durable", async (t) => {
        for (let from = 0; from < rows.length; from += rowsPerInsert) {
          await t
            .insertInto("outbox")
            .values(rows.slice(from, from + rowsPerInsert))
            .onConflict((conflict) => conflict.column("id").doNothing())
            .execute();
        }
      });
    },

    async claimNotification({ channel, holder, now, leaseMs, ignoreBackOff, after }) {
      return engine.write("durable", async (t) => {
        let query = t.selectFrom("outbox").selectAll().where("status", "=", "pending").where("channel", "=", channel);
        if (after !== undefined) {
          const { createdAt, id } = after;
          query = query.where((eb) =>
            eb.or([eb("created_at", ">", createdAt), eb.and([eb("created_at", "=", createdAt), eb("id", ">", id)])]),
          );
        }
        const row = await query.orderBy("created_at").orderBy("id").limit(1).executeTakeFirst();
        if (row === undefined || row.leased_until > now) return undefined;
        if (ignoreBackOff !== true && row.next_attempt_at > now) return undefined;
        // Another process may have claimed it since it was read.
        const claimed = await t
          .updateTable("outbox")
          .set({ holder, leased_until: now + leaseMs })
          .where("id", "=", row.id)
          .where("status", "=", "pending")
          .where("leased_until", "<=", now)
          .executeTakeFirst();
        return claimed.numUpdatedRows > 0n ? toNotification(row) : undefined;
      });
    },

    async settleNotification(id, holder, outcome) {
      const result =
        outcome.status === "pending"
          ? { next_attempt_at: outcome.nextAttemptAt, last_error: outcome.error }
          : { status: outcome.status, settled_at: outcome.at, last_error: outcome.error };
      const settled = await engine.write("durable", (t) =>
        t
          .updateTable("outbox")
          .set((eb) => ({ ...result, attempts: eb("attempts", "+", 1), holder: null, leased_until: 0 }))
          .where("id", "=", id)
          .where("status", "=", "pending")
          .where("holder", "=", holder)
          .executeTakeFirst(),
      );
      return settled.numUpdatedRows > 0n;
    },

    async listDueChannels(now) {
      const rows = await engine.db
        .selectFrom("outbox")
        .select("channel")
        .distinct()
        .where("status", "=", "pending")
        .where("next_attempt_at", "<=", now)
        .where("leased_until", "<=", now)
        .orderBy("channel")
        .execute();
      return rows.map(({ channel }) => channel);
    },

    async listNotifications({ status, channel, limit, offset }) {
      let query = engine.db.selectFrom("outbox").selectAll();
      if (status !== undefined) query = query.where("status", "=", status);
      if (channel !== undefined) query = query.where("channel", "=", channel);
      const rows = await query
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(limit)
        .offset(offset ?? 0)
        .execute();
      return rows.map(toNotification);
    },

    async removeNotifications(settledBefore) {
      const removed = await engine.write("relaxed", (t) =>
        t.deleteFrom("outbox").where("settled_at", "<", settledBefore).executeTakeFirst(),
      );
      return Number(removed.numDeletedRows);
    },
  };
}

function toNotification(row: OutboxRow): StoredNotification {
  return {
    id: row.id,
    channel: row.channel,
    notice: JSON.parse(row.notice) as Notice,
    createdAt: row.created_at,
    status: row.status as NotificationStatus,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    settledAt: row.settled_at,
    lastError: row.last_error,
  };
}
