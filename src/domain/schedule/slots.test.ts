import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { localTimeOf } from "./calendar-bucket.ts";
import { nextWallTime } from "./next-wall-time.ts";
import { parseCron } from "./parse-cron.ts";
import { lastSlots, listSlots, longestInterval, nextSlot, planDue } from "./slots.ts";

const at = (text: string): number => Date.parse(text);
const hour = 3_600_000;
const minute = 60_000;

function slotsOn(cron: string, timeZone: string, from: string, until: string): string[] {
  return listSlots({ cron, timeZone }, at(from), at(until), 1_000).map((slot) => new Date(slot).toISOString());
}

describe("slots on days on which the clocks change", () => {
  test("a fixed hour that is skipped comes once, at the change", () => {
    expect(slotsOn("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z")).toEqual([
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    expect(slotsOn("*/10 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")).toHaveLength(1);
    expect(slotsOn("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")).toHaveLength(1);
  });

  test("a fixed hour that is doubled comes once, in the first of the two", () => {
    expect(slotsOn("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z")).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
    expect(slotsOn("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T12:00:00Z")).toEqual([
      "2026-11-01T05:30:00.000Z",
    ]);
  });

  test("every hour comes in each real hour", () => {
    for (const day of ["2026-03-29", "2026-10-25"]) {
      const slots = listSlots(
        { cron: "15 * * * *", timeZone: "Europe/Berlin" },
        at(`${day}T00:00:00Z`) - 6 * hour,
        at(`${day}T00:00:00Z`) + 12 * hour,
        100,
      );
      expect(slots).toHaveLength(18);
      for (const [index, slot] of slots.slice(1).entries()) expect(slot - slots[index]!).toBe(hour);
    }
  });

  test("the slot at a change is found from a moment before it", () => {
    const rule = { cron: "0 2 * * SUN", timeZone: "Australia/Lord_Howe" };
    const change = at("2026-10-03T15:30:00Z");
    expect(nextSlot(rule, change - 1)).toBe(change);
    expect(nextSlot(rule, change - hour)).toBe(change);
    expect(nextSlot(rule, change)).toBe(at("2026-10-10T15:00:00Z"));
  });

  test("a day that a zone left out still has its slot, once", () => {
    expect(slotsOn("0 6 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-31T23:00:00Z")).toEqual([
      "2011-12-29T16:00:00.000Z",
      "2011-12-30T10:00:00.000Z",
      "2011-12-30T16:00:00.000Z",
      "2011-12-31T16:00:00.000Z",
    ]);
  });

  test("clocks that change at midnight or by half an hour lose no day", () => {
    for (const [zone, cron] of [
      ["America/Santiago", "0 0 * * *"],
      ["Australia/Lord_Howe", "15 2 * * *"],
      ["Africa/Casablanca", "30 2 * * *"],
      ["Asia/Beirut", "15 0 * * *"],
    ] as const) {
      const slots = listSlots({ cron, timeZone: zone }, at("2026-01-01T12:00:00Z"), at("2027-01-01T12:00:00Z"), 1_000);
      expect([zone, slots.length]).toEqual([zone, 365]);
    }
  });
});

const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "America/Santiago",
];
const anyTime = fc.integer({ min: at("2024-01-01T00:00:00Z"), max: at("2030-01-01T00:00:00Z") });

describe("slots of any pattern in any zone", () => {
  const patterns = fc
    .record({
      minutes: fc.constantFrom("0", "30", "*/15", "7,52"),
      hours: fc.constantFrom("*", "2", "0,1,2,3", "*/3", "22-23"),
      days: fc.constantFrom("*", "1", "L", "29-31"),
      weekdays: fc.constantFrom("*", "SUN", "1-5"),
    })
    .map(({ minutes, hours, days, weekdays }) => `${minutes} ${hours} ${days} * ${weekdays}`);

  test("every hour's pattern is exactly the real minutes whose wall clock matches", () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), anyTime, (timeZone, from) => {
        const pattern = parseCron("7,52 * * * *");
        const expected: number[] = [];
        for (let moment = Math.floor(from / minute) * minute + minute; expected.length < 8; moment += minute) {
          if (pattern.minutes.includes(localTimeOf(moment, timeZone).minute)) expected.push(moment);
        }
        expect(listSlots({ cron: "7,52 * * * *", timeZone }, from, Number.MAX_SAFE_INTEGER, 8)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test("a wall time that matches once has exactly one slot, a skipped one the moment of the change", () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), anyTime, (timeZone, from) => {
        const rule = { cron: "20 0-3 * * *", timeZone };
        const slots = listSlots(rule, from, from + 400 * 24 * hour, 5_000);
        const perDay = Map.groupBy(slots, (slot) => {
          const { year, month, day } = localTimeOf(slot, timeZone);
          return `${year}-${month}-${day}`;
        });
        for (const [index, daySlots] of [...perDay.values()].slice(1, -1).entries()) {
          // Four, or three and the change in place of one or more that were skipped.
          expect([timeZone, index, daySlots.length >= 3 && daySlots.length <= 4]).toEqual([timeZone, index, true]);
          const walls = daySlots.map((slot) => localTimeOf(slot, timeZone)).map((wall) => wall.hour * 60 + wall.minute);
          expect(new Set(walls).size).toBe(walls.length);
        }
      }),
      { numRuns: 10 },
    );
  });

  test("slots ascend, are the same from wherever one starts, and the last ones are the tail of the list", () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), patterns, anyTime, (timeZone, cron, from) => {
        const rule = { cron, timeZone };
        const slots = listSlots(rule, from, from + 60 * 24 * hour, 20);
        for (const [index, slot] of slots.entries()) {
          expect(slot).toBeGreaterThan(index === 0 ? from : slots[index - 1]!);
          expect(nextSlot(rule, slot - 1)).toBe(slot);
          expect(slot % minute).toBe(0);
        }
        if (slots.length > 3) expect(lastSlots(rule, slots.at(-1)!, 3)).toEqual(slots.slice(-3));
      }),
      { numRuns: 100 },
    );
  });

  test("what is due is run once, and every slot is accounted for whatever the clock did", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        patterns,
        anyTime,
        fc.integer({ min: -hour, max: 90 * 24 * hour }),
        (timeZone, cron, from, step) => {
          const rule = { cron, timeZone };
          const plan = planDue(rule, from, from + step);
          const all = listSlots(rule, from, from + step, Number.MAX_SAFE_INTEGER);
          expect(plan?.run).toBe(all.at(-1)!);
          if (plan === undefined) return;
          expect(plan.missed).toEqual(all.slice(-21, -1));
          expect(plan.missedSince).toBe(all.length > 21 ? all[0]! : null);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test("the longest interval knows of weekends, leap years and months", () => {
  const interval = (cron: string): number =>
    longestInterval({ cron, timeZone: "UTC" }, at("2026-11-21T10:00:00Z"))! / hour;
  expect(interval("0 2 * * *")).toBe(24);
  expect(interval("0 2 * * 1-5")).toBe(72);
  expect(interval("*/5 * * * *")).toBeCloseTo(1 / 12, 5);
  expect(interval("0 4 1 * *")).toBe(31 * 24);
});

describe("days of a pattern", () => {
  const next = (cron: string, from: string): string =>
    new Date(nextWallTime(parseCron(cron), at(from))!).toISOString().slice(0, 16);

  test("day of month or day of week is enough when both are given", () => {
    expect(next("0 0 13 * FRI", "2026-11-01T00:00:00Z")).toBe("2026-11-06T00:00");
    expect(next("0 0 13 * FRI", "2026-11-07T00:00:00Z")).toBe("2026-11-13T00:00");
  });

  test("last days, nearest weekdays, nth and last weekdays are found", () => {
    expect(next("0 0 L * *", "2028-02-05T00:00:00Z")).toBe("2028-02-29T00:00");
    expect(next("0 0 LW * *", "2026-05-05T00:00:00Z")).toBe("2026-05-29T00:00");
    expect(next("0 0 15W * *", "2026-08-01T00:00:00Z")).toBe("2026-08-14T00:00");
    expect(next("0 0 1W * *", "2026-08-01T00:00:00Z")).toBe("2026-08-03T00:00");
    expect(next("0 0 * * 5#2", "2026-11-01T00:00:00Z")).toBe("2026-11-13T00:00");
    expect(next("0 0 * * SUNL", "2026-11-01T00:00:00Z")).toBe("2026-11-29T00:00");
    expect(next("0 0 29 2 *", "2096-03-01T00:00:00Z")).toBe("2104-02-29T00:00");
    expect(next("5-20/5,59 */6 * jan,DEC 7", "2026-11-01T00:00:00Z")).toBe("2026-12-06T00:05");
  });

  test("what makes no sense is refused with the field's name", () => {
    for (const [cron, words] of [
      ["60 * * * *", "minute"],
      ["* 24 * * *", "hour"],
      ["* * 0 * *", "day of month"],
      ["* * * 13 *", "month"],
      ["* * * * 8", "day of week"],
      ["* * * * MON-", "day of week"],
      ["5-1 * * * *", "begins after its end"],
      ["*/0 * * * *", "step"],
      ["*/5/5 * * * *", "two steps"],
      ["1,,2 * * * *", "minute"],
      ["1-2-3 * * * *", "range"],
      ["a * * * *", "minute"],
      ["-1 * * * *", "minute"],
      ["* * * *", "4 fields"],
    ] as const) {
      expect(() => parseCron(cron)).toThrow(words);
    }
  });
});
