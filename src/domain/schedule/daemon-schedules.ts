// Everything that a daemon runs by the clock: the schedules of the projects, and what it does for all of them by itself.

import type { Configuration, Project, ScheduleSpec } from "../project/project.ts";
import { nextSlot, type SlotRule } from "./slots.ts";

export type ScheduledKind = ScheduleSpec["kind"] | "summary";

export interface ScheduleEntry extends SlotRule {
  /** A project, or `*` for all of them. */
  readonly project: string;
  /** A schedule of the project, or one of the daemon's own, whose names begin with `@`. */
  readonly schedule: string;
  readonly kind: ScheduledKind;
}

/** Names of projects cannot be like this. */
export const everyProject = "*";
export const retentionSchedule = "@retention";
export const summarySchedule = "@summary";

export function scheduleKey({ project, schedule }: Pick<ScheduleEntry, "project" | "schedule">): string {
  return JSON.stringify([project, schedule]);
}

type Scheduled = Pick<Configuration, "projects"> & {
  readonly settings: Pick<Configuration["settings"], "timeZone" | "retentionCron" | "dailySummaryCron">;
};

/** Those of enabled projects that are enabled themselves, in file order; the daemon's own come last. */
export function listScheduleEntries({ projects, settings }: Scheduled): readonly ScheduleEntry[] {
  const { timeZone, retentionCron, dailySummaryCron } = settings;
  const enabled = projects.filter((project) => project.enabled);
  const entries = enabled.flatMap((project) =>
    project.schedules
      .filter((schedule) => schedule.enabled)
      .map(({ name, kind, cron, timeZone: zone }): ScheduleEntry => {
        return { project: project.name, schedule: name, kind, cron, timeZone: zone };
      }),
  );
  if (retentionCron !== undefined) {
    for (const { name } of enabled.filter(hasRetention)) {
      entries.push({ project: name, schedule: retentionSchedule, kind: "prune", cron: retentionCron, timeZone });
    }
  }
  if (dailySummaryCron !== undefined) {
    entries.push({
      project: everyProject,
      schedule: summarySchedule,
      kind: "summary",
      cron: dailySummaryCron,
      timeZone,
    });
  }
  return entries;
}

function hasRetention(project: Project): boolean {
  return project.retention !== null || project.schedules.some(({ retention }) => retention !== undefined);
}

export interface UpcomingRun extends ScheduleEntry {
  readonly at: number; // epoch ms
}

/** The next `count` runs of all entries together, soonest first; of equal ones in the order of the entries. */
export function listUpcoming(entries: readonly ScheduleEntry[], nowMs: number, count: number): readonly UpcomingRun[] {
  const upcoming: UpcomingRun[] = [];
  for (const entry of entries) {
    let at = nextSlot(entry, nowMs);
    // No entry can give more than all of them together.
    for (let taken = 0; at !== undefined && taken < count; taken += 1) {
      upcoming.push({ ...entry, at });
      at = nextSlot(entry, at);
    }
  }
  return upcoming.toSorted((a, b) => a.at - b.at).slice(0, count);
}
