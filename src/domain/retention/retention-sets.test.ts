import { expect, test } from "bun:test";
import type { ScheduleSpec } from "../project/project.ts";
import { proofOf, retentionSets } from "./retention-sets.ts";

function schedule(name: string, more: Partial<ScheduleSpec> = {}): ScheduleSpec {
  const timeZone = "Europe/Berlin";
  return { name, kind: "backup", type: "daily", cron: "0 2 * * *", timeZone, enabled: true, limits: {}, ...more };
}

const project = {
  retention: { keepDaily: 7 },
  schedules: [
    schedule("nightly"),
    schedule("hourly", { retention: { keepHourly: 24 }, timeZone: "Asia/Tokyo" }),
    schedule("forgetting", { kind: "forget", retention: { keepLast: 1 }, timeZone: "Asia/Tokyo" }),
  ],
};
const made = (id: string, by: string | null) => ({ id, schedule: by });

test("a schedule with a retention of its own makes a set, all else is one set under the project's rule", () => {
  const [a, b, c, d, e] = [
    made("a", null),
    made("b", "hourly"),
    made("c", "nightly"),
    made("d", "gone"),
    made("e", "forgetting"),
  ];
  expect(retentionSets(project, [a, b, c, d, e], "UTC")).toEqual([
    { schedule: null, policy: { keepDaily: 7 }, timeZone: "Europe/Berlin", backups: [a, c, d, e] },
    { schedule: "hourly", policy: { keepHourly: 24 }, timeZone: "Asia/Tokyo", backups: [b] },
  ]);
  expect(retentionSets(project, [], "UTC")).toEqual([]);
});

test("without one time zone for all its schedules a project's set uses the default", () => {
  const setWith = (...schedules: ScheduleSpec[]) =>
    retentionSets({ retention: null, schedules }, [made("a", null)], "UTC")[0];
  expect(setWith()).toMatchObject({ timeZone: "UTC", policy: null });
  expect(setWith(schedule("x"), schedule("y", { timeZone: "Asia/Tokyo" }))?.timeZone).toBe("UTC");
  expect(setWith(schedule("x"), schedule("y"))?.timeZone).toBe("Europe/Berlin");
});

test("only a verification that passed counts", () => {
  expect(proofOf(null)).toEqual({ verifiedAt: null, hasFailed: false });
  expect(proofOf({ passed: true, at: 9 })).toEqual({ verifiedAt: 9, hasFailed: false });
  expect(proofOf({ passed: false, at: 9 })).toEqual({ verifiedAt: null, hasFailed: true });
});
