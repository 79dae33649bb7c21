// Tells people of an alert that begins or ends: the message is kept first, then sent with what else is due.

import type { Alert } from "../domain/alert/alert.ts";
import type { Notice } from "../domain/notification/notice.ts";
import { hears, type Route } from "../domain/notification/route.ts";
import { everyProject } from "../domain/schedule/daemon-schedules.ts";
import type { Deps } from "./deps.ts";

const titles: Readonly<Record<Alert["kind"], string>> = {
  did_not_start: "Backup did not start",
  rpo: "Backup too old",
  not_verified: "Backup not verified",
  after_commit: "Trouble after a backup",
  state_store: "State store does not answer",
};

/** Throws `state_failed` when the message cannot be kept. */
export async function tellAlert(deps: Pick<Deps, "state" | "clock">, alert: Alert, routes: readonly Route[]) {
  const notice = describeAlert(alert);
  const heard = routes.filter(({ channel }) => hears(channel, notice.event));
  const createdAt = deps.clock.now();
  await deps.state.addNotifications(
    heard.map(({ key }) => ({ id: `${notice.id}@${key}`, channel: key, notice, createdAt })),
  );
}

export function describeAlert(alert: Alert): Notice {
  const { id, kind, message, openedAt, resolvedAt } = alert;
  const project = alert.project === everyProject ? null : alert.project;
  const isOver = resolvedAt !== null;
  const lines = [
    `${isOver ? "✅ Resolved: " : "🚨 "}${titles[kind]} — ${project ?? "all projects"}`,
    isOver ? `It no longer holds: ${message}` : message,
  ];
  return {
    id: `${id}/${isOver ? "resolved" : "raised"}`,
    event: isOver ? "alert_resolved" : "alert",
    project,
    subject: `alert/${kind}/${alert.project}/${alert.subject}`,
    text: lines.join("\n"),
    data: {
      alert: kind,
      project,
      subject: alert.subject,
      message,
      since: new Date(openedAt).toISOString(),
      resolved_at: resolvedAt === null ? null : new Date(resolvedAt).toISOString(),
    },
  };
}
