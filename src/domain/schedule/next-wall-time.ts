// The calendar side of a schedule: which times on a wall clock match. A wall time is written as if it were UTC, in
// milliseconds, so that it knows neither zones nor their changes.

import type { CronPattern, DaysOfMonth, DaysOfWeek } from "./parse-cron.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/**
 * How far a next time is looked for: the 29th of February may be eight years away (1896 to 1904, 2096 to 2104), and its weekday
 * rule much longer; a pattern that never comes true would else be looked for for ever.
 */
export const horizonMs = 44 * 366 * dayMs;

/** The first matching wall time that is not before `fromMs`; undefined when none comes in decades. */
export function nextWallTime(pattern: CronPattern, fromMs: number): number | undefined {
  const startMs = Math.ceil(fromMs / minuteMs) * minuteMs;
  const start = new Date(startMs);
  let dayStart = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate());
  let fromMinute = (startMs - dayStart) / minuteMs;
  const endMs = startMs + horizonMs;
  while (dayStart < endMs) {
    const date = new Date(dayStart);
    const month = date.getUTCMonth();
    if (!pattern.months.has(month + 1)) {
      dayStart = Date.UTC(date.getUTCFullYear(), month + 1, 1);
      fromMinute = 0;
      continue;
    }
    if (matchesDay(pattern, date)) {
      const minute = nextMinuteOfDay(pattern, fromMinute);
      if (minute !== undefined) return dayStart + minute * minuteMs;
    }
    dayStart += dayMs;
    fromMinute = 0;
  }
  return undefined;
}

function nextMinuteOfDay({ hours, minutes }: CronPattern, fromMinute: number): number | undefined {
  const fromHour = Math.floor(fromMinute / 60);
  for (const hour of hours) {
    if (hour < fromHour) continue;
    if (hour > fromHour) return hour * 60 + minutes[0]!;
    const minute = minutes.find((candidate) => candidate >= fromMinute % 60);
    if (minute !== undefined) return hour * 60 + minute;
  }
  return undefined;
}

function matchesDay({ daysOfMonth, daysOfWeek }: CronPattern, date: Date): boolean {
  if (daysOfMonth === null && daysOfWeek === null) return true;
  return (
    (daysOfMonth !== null && matchesDayOfMonth(daysOfMonth, date)) ||
    (daysOfWeek !== null && matchesDayOfWeek(daysOfWeek, date))
  );
}

function matchesDayOfMonth({ days, last, nearWeekdays, lastWeekday }: DaysOfMonth, date: Date): boolean {
  const day = date.getUTCDate();
  if (days.has(day)) return true;
  const lastDay = daysInMonth(date);
  if (last && day === lastDay) return true;
  if (lastWeekday && day === weekdayNear(date, lastDay, lastDay)) return true;
  for (const wanted of nearWeekdays) if (wanted <= lastDay && day === weekdayNear(date, wanted, lastDay)) return true;
  return false;
}

function matchesDayOfWeek({ days, nth, last }: DaysOfWeek, date: Date): boolean {
  const weekday = date.getUTCDay();
  const day = date.getUTCDate();
  if (days.has(weekday) || nth.has(weekday * 10 + Math.ceil(day / 7))) return true;
  return last.has(weekday) && day + 7 > daysInMonth(date);
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/** Monday to Friday nearest to `day`, without leaving the month. */
function weekdayNear(date: Date, day: number, lastDay: number): number {
  const weekday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), day)).getUTCDay();
  if (weekday === 6) return day > 1 ? day - 1 : day + 2;
  if (weekday === 0) return day < lastDay ? day + 1 : day - 2;
  return day;
}
