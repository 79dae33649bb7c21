import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ScheduleEntry } from "./daemon-schedules.ts";
import { listSlots } from "./slots.ts";
import { createTimetable } from "./timetable.ts";

const start = Date.parse("2026-11-21T10:00:00Z");
const minute = 60_000;

function entry(cron: string, schedule = cron): ScheduleEntry {
  return { project: "shop", schedule, kind: "backup", cron, timeZone: "UTC" };
}

test("all that is due comes, soonest first, and only once", () => {
  const entries = ["5 * * * *", "*/2 * * * *", "0 10 * * *", "0 0 30 2 *"].map((cron) => entry(cron));
  const table = createTimetable(entries.map((given) => ({ entry: given, judgedUntil: start })));
  expect(table.size).toBe(3);
  expect(table.nextAt()).toBe(start + 2 * minute);
  expect(table.takeDue(start + minute)).toEqual([]);
  const due = table.takeDue(start + 5 * minute);
  expect(due.map(({ entry: { cron }, plan }) => [cron, (plan.run - start) / minute, plan.missed.length])).toEqual([
    ["*/2 * * * *", 4, 1],
    ["5 * * * *", 5, 0],
  ]);
  expect(table.takeDue(start + 5 * minute)).toEqual([]);
  expect(table.nextAt()).toBe(start + 6 * minute);
});

test("a clock that is put back by a year does not stop the schedules for a year", () => {
  const table = createTimetable([{ entry: entry("0 * * * *"), judgedUntil: start }]);
  table.takeDue(start + 365 * 24 * 60 * minute);
  table.putBack(start + 30 * minute);
  expect(table.nextAt()).toBe(start + 60 * minute);
});

test("however time passes, each schedule's slots are taken in order and none is lost", () => {
  const crons = ["* * * * *", "*/7 * * * *", "0 * * * *", "30 3 * * *", "15 12 1 * *"];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 * minute }), { minLength: 1, maxLength: 30 }), (steps) => {
      const table = createTimetable(crons.map((cron) => ({ entry: entry(cron), judgedUntil: start })));
      const taken = new Map<string, number[]>();
      let now = start;
      for (const step of steps) {
        now += step;
        for (const { entry: found, plan } of table.takeDue(now)) {
          const slots = taken.get(found.cron) ?? [];
          taken.set(found.cron, slots);
          if (plan.missedSince !== null)
            slots.push(...listSlots(found, plan.missedSince - 1, plan.missed[0]! - 1, 9_999));
          slots.push(...plan.missed, plan.run);
        }
      }
      for (const cron of crons) {
        expect(taken.get(cron) ?? []).toEqual([...listSlots(entry(cron), start, now, 100_000)]);
      }
    }),
    { numRuns: 40 },
  );
});
