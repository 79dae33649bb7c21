// Which hour, day, ISO week, month and year a moment belongs to, on the wall clock of a time zone.

import { AppError } from "../error.ts";

export const calendarUnits = ["hour", "day", "week", "month", "year"] as const;
export type CalendarUnit = (typeof calendarUnits)[number];

/** A name per unit; two moments share a bucket exactly when the names are equal. */
export type CalendarBuckets = Readonly<Record<CalendarUnit, string>>;

export interface LocalTime {
  readonly year: number;
  readonly month: number; // 1 to 12
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** Local time minus UTC; it tells the two passes of a doubled hour apart. */
  readonly offsetMinutes: number;
}

const formatters = new Map<string, Intl.DateTimeFormat>();
const dayMs = 86_400_000;

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  try {
    const made = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(timeZone, made);
    return made;
  } catch (cause) {
    throw new AppError("config_invalid", `the time zone ${JSON.stringify(timeZone)} is not known`, {
      hint: "use a name of the IANA database, as Europe/Berlin or UTC",
      cause,
    });
  }
}

/** Throws `config_invalid` for a time zone that is not known. */
export function localTimeOf(epochMs: number, timeZone: string): LocalTime {
  type Field = Exclude<keyof LocalTime, "offsetMinutes">;
  const fields: Record<string, number> = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(epochMs)) fields[type] = Number(value);
  const { year, month, day, hour, minute, second } = fields as Record<Field, number>;
  const localMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const offsetMinutes = (localMs - Math.floor(epochMs / 1000) * 1000) / 60_000;
  return { year, month, day, hour, minute, second, offsetMinutes };
}

export function calendarBucketsOf(epochMs: number, timeZone: string): CalendarBuckets {
  const { year, month, day, hour, offsetMinutes } = localTimeOf(epochMs, timeZone);
  const date = `${year}-${pad(month)}-${pad(day)}`;
  return {
    hour: `${date}T${pad(hour)} ${offsetMinutes}`,
    day: date,
    week: isoWeekOf(year, month, day),
    month: `${year}-${pad(month)}`,
    year: `${year}`,
  };
}

/** A week belongs to the year that holds its Thursday. */
function isoWeekOf(year: number, month: number, day: number): string {
  const date = Date.UTC(year, month - 1, day);
  const sinceMonday = (new Date(date).getUTCDay() + 6) % 7;
  const thursday = date + (3 - sinceMonday) * dayMs;
  const weekYear = new Date(thursday).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(weekYear, 0, 1)) / (7 * dayMs)) + 1;
  return `${weekYear}-W${pad(week)}`;
}

/** Digits of a date or time, with zeros before them. */
export function pad(number: number, digits = 2): string {
  return `${number}`.padStart(digits, "0");
}
