import { expect, test } from "bun:test";
import fc from "fast-check";
import { calendarBucketsOf, calendarUnits, localTimeOf } from "./calendar-bucket.ts";

const at = (text: string): number => Date.parse(text);

test("a moment is shown on the wall clock of its zone", () => {
  expect(localTimeOf(at("2026-07-01T22:30:15.900Z"), "Europe/Berlin")).toEqual({
    year: 2026,
    month: 7,
    day: 2,
    hour: 0,
    minute: 30,
    second: 15,
    offsetMinutes: 120,
  });
  expect(localTimeOf(at("1969-12-31T23:59:59.999Z"), "Asia/Kolkata").offsetMinutes).toBe(330);
});

test("weeks are ISO weeks", () => {
  const weekOf = (text: string): string => calendarBucketsOf(at(text), "UTC").week;
  expect(weekOf("2026-12-28T00:00:00Z")).toBe("2026-W53");
  expect(weekOf("2027-01-03T23:59:59Z")).toBe("2026-W53");
  expect(weekOf("2027-01-04T00:00:00Z")).toBe("2027-W01");
  expect(weekOf("2024-12-30T00:00:00Z")).toBe("2025-W01");
  expect(weekOf("2023-01-01T12:00:00Z")).toBe("2022-W52");
  expect(weekOf("2026-01-01T12:00:00Z")).toBe("2026-W01");
});

test("the skipped hour is missing and the doubled hour is two", () => {
  const hourOf = (text: string): string => calendarBucketsOf(at(text), "Europe/Berlin").hour;
  expect(hourOf("2026-03-29T00:59:59Z")).toBe("2026-03-29T01 60");
  expect(hourOf("2026-03-29T01:00:00Z")).toBe("2026-03-29T03 120");
  expect(hourOf("2026-10-25T00:30:00Z")).toBe("2026-10-25T02 120");
  expect(hourOf("2026-10-25T01:30:00Z")).toBe("2026-10-25T02 60");
});

test("a day that a zone left out is in no bucket", () => {
  const days = new Set<string>();
  for (let hour = 0; hour < 72; hour++) {
    days.add(calendarBucketsOf(at("2011-12-29T10:00:00Z") + hour * 3_600_000, "Pacific/Apia").day);
  }
  expect([...days]).toEqual(["2011-12-29", "2011-12-31", "2012-01-01"]);
});

test("moments of one bucket lie within its length", () => {
  const longest = { hour: 1, day: 25, week: 7 * 24 + 1, month: 31 * 24 + 1, year: 366 * 24 + 1 };
  const moments = fc.integer({ min: at("2000-01-01T00:00:00Z"), max: at("2040-01-01T00:00:00Z") });
  const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata");
  fc.assert(
    fc.property(moments, fc.nat({ max: 400 * 24 * 60 }), zones, (first, minutes, zone) => {
      const second = first + minutes * 60_000;
      const [a, b] = [calendarBucketsOf(first, zone), calendarBucketsOf(second, zone)];
      for (const unit of calendarUnits)
        if (a[unit] === b[unit]) expect(minutes).toBeLessThanOrEqual(longest[unit] * 60);
      if (a.day === b.day) expect(a.week).toBe(b.week);
      if (a.month === b.month) expect(a.year).toBe(b.year);
    }),
  );
});

test("a zone that does not exist is refused", () => {
  expect(() => calendarBucketsOf(0, "Europe/Atlantis")).toThrow(expect.objectContaining({ code: "config_invalid" }));
});
