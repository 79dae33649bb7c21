import { expect, test } from "bun:test";
import type { Project, ScheduleSpec } from "../project/project.ts";
import { listScheduleEntries, listUpcoming } from "./daemon-schedules.ts";

const settings = { timeZone: "Europe/Berlin", retentionCron: "0 4 * * *", dailySummaryCron: "0 8 * * *" };

function schedule(name: string, more: Partial<ScheduleSpec> = {}): ScheduleSpec {
  return {
    name,
    kind: "backup",
    type: "custom",
    cron: "0 2 * * *",
    timeZone: "UTC",
    enabled: true,
    limits: {},
    ...more,
  };
}

function project(name: string, more: Partial<Project>): Project {
  return { name, enabled: true, retention: null, schedules: [], ...more } as Project;
}

test("disabled projects and schedules are left out, and what has a retention is pruned daily", () => {
  const projects = [
    project("shop", { schedules: [schedule("a"), schedule("off", { enabled: false })], retention: { keepLast: 3 } }),
    project("gone", { enabled: false, schedules: [schedule("a")], retention: { keepLast: 3 } }),
    project("blog", { schedules: [schedule("b", { kind: "verify", retention: { keepDaily: 1 } })] }),
    project("bare", { schedules: [schedule("c")] }),
  ];
  const entries = listScheduleEntries({ projects, settings });
  expect(entries.map((entry) => `${entry.project} ${entry.schedule} ${entry.kind} ${entry.timeZone}`)).toEqual([
    "shop a backup UTC",
    "blog b verify UTC",
    "bare c backup UTC",
    "shop @retention prune Europe/Berlin",
    "blog @retention prune Europe/Berlin",
    "* @summary summary Europe/Berlin",
  ]);
});

test("the next runs are those of all schedules together, soonest first", () => {
  const projects = [project("shop", { schedules: [schedule("daily"), schedule("often", { cron: "*/30 * * * *" })] })];
  const entries = listScheduleEntries({ projects, settings });
  const runs = listUpcoming(entries, Date.parse("2026-11-21T01:10:00Z"), 4);
  expect(runs.map((run) => `${new Date(run.at).toISOString().slice(11, 16)} ${run.schedule}`)).toEqual([
    "01:30 often",
    "02:00 daily",
    "02:00 often",
    "02:30 often",
  ]);
});
