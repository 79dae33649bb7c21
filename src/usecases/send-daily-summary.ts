// One message about the last 24 hours per receiver: projects that share a receiver share the message. Of several processes
// that send it on one day, or one that does so twice, the outbox keeps one.

import { describeDay, type ProjectDay } from "../domain/notification/describe-day.ts";
import { hears, routesOf, type Route } from "../domain/notification/route.ts";
import { dateText } from "../domain/notification/words.ts";
import type { ChannelSpec, Configuration, Project } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { NewNotification } from "../ports/state-store-outbox.ts";
import type { Deps } from "./deps.ts";
import { deliverToChannel, type DeliverDeps } from "./deliver-notifications.ts";

export interface SummarySent {
  /** Receivers that were told, now or before on the same day. */
  readonly receivers: number;
  readonly sent: number;
}

const dayMs = 86_400_000;
/** A run that ended within the day may have begun long before. */
const longestRunMs = 2 * dayMs;
const runsPerQuery = 1_000;
const budgetMs = 20_000;

/** Throws `state_failed` when the runs cannot be read or the message cannot be kept; a receiver that is down is no error. */
export async function sendDailySummary(
  deps: DeliverDeps & Pick<Deps, "settings">,
  { projects, channels }: Pick<Configuration, "projects" | "channels">,
): Promise<SummarySent> {
  const at = deps.clock.now();
  const { timeZone } = deps.settings;
  const runs = await listRunsOfDay(deps, at);
  const receivers = groupReceivers(projects, channels);
  const notifications = receivers.flatMap(({ route, projects: told }): readonly NewNotification[] => {
    const days = told.flatMap((project) => dayOf(project, runs));
    if (days.length === 0) return [];
    const notice = describeDay(`summary/${dateText(at, timeZone)}/${route.key}`, days, { timeZone, at });
    return [{ id: `${notice.id}@${route.key}`, channel: route.key, notice, createdAt: at }];
  });
  await deps.state.addNotifications(notifications);
  const untilMs = deps.clock.monotonicMs() + budgetMs;
  const told = receivers.filter(({ route }) => notifications.some(({ channel }) => channel === route.key));
  const deliveries = await Promise.all(
    told.map(({ route }) => deliverToChannel(deps, route, { ignoreBackOff: true, untilMs })),
  );
  return { receivers: told.length, sent: deliveries.reduce((sum, { sent }) => sum + sent.length, 0) };
}

/** Finished backups, newest first, by project. */
async function listRunsOfDay(deps: Pick<Deps, "state">, at: number): Promise<ReadonlyMap<string, readonly Run[]>> {
  const byProject = new Map<string, Run[]>();
  const filter = { kind: "backup", status: ["succeeded", "failed", "cancelled"], since: at - longestRunMs } as const;
  for (let offset = 0; ; offset += runsPerQuery) {
    const page = await deps.state.listRuns({ ...filter, limit: runsPerQuery, offset });
    for (const run of page) {
      const isOfDay = run.finishedAt !== null && run.finishedAt > at - dayMs && run.trigger !== "safety";
      if (isOfDay) byProject.set(run.project, [...(byProject.get(run.project) ?? []), run]);
    }
    if (page.length < runsPerQuery) return byProject;
  }
}

/** A project without a run is a line only when one was to be expected. */
function dayOf(
  { name, enabled, schedules }: Project,
  runs: ReadonlyMap<string, readonly Run[]>,
): readonly ProjectDay[] {
  const own = runs.get(name) ?? [];
  const isScheduled = enabled && schedules.some((schedule) => schedule.enabled && schedule.kind === "backup");
  return own.length > 0 || isScheduled ? [{ project: name, runs: own }] : [];
}

interface Receiver {
  readonly route: Route;
  readonly projects: Project[];
}

/** Channels of several projects that lead to the same place are one receiver. */
function groupReceivers(projects: readonly Project[], channels: readonly ChannelSpec[]): readonly Receiver[] {
  const receivers = new Map<string, Receiver>();
  for (const project of projects) {
    for (const route of routesOf(project, channels)) {
      if (!hears(route.channel, "daily_summary")) continue;
      const place = JSON.stringify([route.channel.type, route.channel.settings]);
      const receiver = receivers.get(place) ?? { route, projects: [] };
      receivers.set(place, receiver);
      if (!receiver.projects.includes(project)) receiver.projects.push(project);
    }
  }
  return [...receivers.values()];
}
