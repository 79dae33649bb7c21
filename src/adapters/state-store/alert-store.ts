// Alerts, and the newest success of every project, by which most of them are judged.

import { alertKey, type Alert } from "../../domain/alert/alert.ts";
import type { AlertStore } from "../../ports/state-store-alerts.ts";
import type { StateEngine } from "./engine.ts";
import { selectNewestRuns } from "./newest-runs.ts";
import type { AlertRow } from "./schema.ts";

export function createAlertStore(engine: StateEngine): AlertStore {
  const { db } = engine;
  return {
    async openAlert(alert) {
      return engine.write("durable", async (t) => {
        const opened = await t
          .insertInto("alerts")
          .values(toAlertRow(alert))
          .onConflict((conflict) => conflict.column("open_key").doNothing())
          .executeTakeFirst();
        return (opened.numInsertedOrUpdatedRows ?? 0n) > 0n;
      });
    },

    async resolveAlert(id, at) {
      return engine.write("durable", async (t) => {
        const resolved = await t
          .updateTable("alerts")
          .set({ resolved_at: at, open_key: null })
          .where("id", "=", id)
          .where("resolved_at", "is", null)
          .executeTakeFirst();
        return resolved.numUpdatedRows > 0n;
      });
    },

    async listAlerts({ project, open, limit, offset }) {
      let query = db.selectFrom("alerts").selectAll();
      if (project !== undefined) query = query.where("project", "=", project);
      if (open !== undefined) query = query.where("open_key", open ? "is not" : "is", null);
      const rows = await query
        .orderBy("opened_at", "desc")
        .orderBy("id", "desc")
        .limit(limit)
        .offset(offset ?? 0)
        .execute();
      return rows.map(toAlert);
    },

    async listNewestSuccesses(kind) {
      const rows = await selectNewestRuns(db, kind, "successes").execute();
      return rows.map(({ id, project, created_at: createdAt, started_at: startedAt }) => {
        return { project, runId: id, startedAt: startedAt ?? createdAt };
      });
    },
  };
}

function toAlertRow(alert: Alert): AlertRow {
  return {
    id: alert.id,
    open_key: alert.resolvedAt === null ? alertKey(alert) : null,
    kind: alert.kind,
    project: alert.project,
    subject: alert.subject,
    message: alert.message,
    opened_at: alert.openedAt,
    resolved_at: alert.resolvedAt,
  };
}

function toAlert(row: AlertRow): Alert {
  return {
    id: row.id,
    kind: row.kind as Alert["kind"],
    project: row.project,
    subject: row.subject,
    message: row.message,
    openedAt: row.opened_at,
    resolvedAt: row.resolved_at,
  };
}
