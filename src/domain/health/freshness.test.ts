import { expect, test } from "bun:test";
import type { ScheduleSpec } from "../project/project.ts";
import { judgeFreshness } from "./freshness.ts";

const day = 86_400_000;
const now = Date.UTC(2026, 10, 21, 12);
const schedule = (cron: string, changes: Partial<ScheduleSpec> = {}): ScheduleSpec => ({
  name: cron,
  kind: "backup",
  type: "custom",
  cron,
  timeZone: "UTC",
  enabled: true,
  limits: {},
  ...changes,
});
const daily = schedule("0 2 * * *");

test("one missed slot is forgiven, a second one is not", () => {
  expect(judgeFreshness({ schedules: [daily] }, now - 2 * day, now)).toMatchObject({
    isStale: false,
    limitMs: 2 * day,
  });
  expect(judgeFreshness({ schedules: [daily] }, now - 2 * day - 1, now).isStale).toBe(true);
});

test("the most frequent backup schedule counts, others and those that are off do not", () => {
  const hourly = schedule("0 * * * *");
  const schedules = [daily, schedule("0 * * * *", { enabled: false }), schedule("* * * * *", { kind: "verify" })];
  expect(judgeFreshness({ schedules }, now - day, now).isStale).toBe(false);
  expect(judgeFreshness({ schedules: [...schedules, hourly] }, now - day, now).isStale).toBe(true);
});

test("workdays wait over the weekend", () => {
  const monday = Date.UTC(2026, 10, 23, 1);
  expect(judgeFreshness({ schedules: [schedule("0 2 * * 1-5")] }, monday - 3 * day, monday).isStale).toBe(false);
});

test("without a schedule, or with one that never comes, nothing is stale", () => {
  const never = schedule("0 0 31 2 *");
  for (const schedules of [[], [never]])
    expect(judgeFreshness({ schedules }, 0, now)).toEqual({ ageMs: now, limitMs: null, rule: null, isStale: false });
});

test("a success of the future, by a clock that was put back, is fresh", () => {
  expect(judgeFreshness({ schedules: [daily] }, now + day, now)).toMatchObject({ ageMs: 0, isStale: false });
});

test("rpo_minutes holds in place of the schedules, also where there is none", () => {
  const rpoMs = 3 * 3_600_000;
  expect(judgeFreshness({ schedules: [daily], rpoMs }, now - rpoMs - 1, now)).toMatchObject({
    limitMs: rpoMs,
    rule: "rpo_minutes",
    isStale: true,
  });
  expect(judgeFreshness({ schedules: [], rpoMs }, now - rpoMs, now).isStale).toBe(false);
  expect(judgeFreshness({ schedules: [], rpoMs }, now - rpoMs - 1, now).isStale).toBe(true);
});
