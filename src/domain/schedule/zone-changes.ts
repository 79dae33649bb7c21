// When the clocks of a time zone change. Looking a zone up costs microseconds, so each year is looked through once.

import { localTimeOf } from "./calendar-bucket.ts";

export interface ZoneChange {
  /** The first moment with the new offset, epoch ms. */
  readonly at: number;
  /** Local time minus UTC, ms. */
  readonly offsetBeforeMs: number;
  readonly offsetAfterMs: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
interface ZoneYear {
  readonly offsetAtStartMs: number;
  readonly changes: readonly ZoneChange[]; // oldest first
}

const years = new Map<string, ZoneYear>();
const unchanging: ZoneYear = { offsetAtStartMs: 0, changes: [] };

/** Local time minus UTC at a moment, ms. */
export function offsetMsAt(epochMs: number, timeZone: string): number {
  const year = yearOf(epochMs, timeZone);
  return year.changes.findLast(({ at }) => at <= epochMs)?.offsetAfterMs ?? year.offsetAtStartMs;
}

/** The newest change that is not after `epochMs`, looked for in its year and the one before. */
export function previousChange(epochMs: number, timeZone: string): ZoneChange | undefined {
  const ofYear = yearOf(epochMs, timeZone).changes.findLast(({ at }) => at <= epochMs);
  return ofYear ?? yearOf(yearStart(epochMs) - 1, timeZone).changes.at(-1);
}

/** The next change after `epochMs` in the same UTC year; undefined when there is none in what is left of it. */
export function nextChangeOfYear(epochMs: number, timeZone: string): ZoneChange | undefined {
  return yearOf(epochMs, timeZone).changes.find(({ at }) => at > epochMs);
}

function yearStart(epochMs: number): number {
  return Date.UTC(new Date(epochMs).getUTCFullYear(), 0, 1);
}

function yearOf(epochMs: number, timeZone: string): ZoneYear {
  if (timeZone === "UTC") return unchanging;
  const year = new Date(epochMs).getUTCFullYear();
  const key = `${year} ${timeZone}`;
  const known = years.get(key);
  if (known !== undefined) return known;
  const found = lookThrough(year, timeZone);
  years.set(key, found);
  return found;
}

function lookThrough(year: number, timeZone: string): ZoneYear {
  const changes: ZoneChange[] = [];
  // From the last moment of the year before: a change at New Year's midnight UTC belongs to this year.
  let before = Date.UTC(year, 0, 1) - 1;
  const end = Date.UTC(year + 1, 0, 1) - 1;
  const offsetAtStartMs = askOffsetMs(before, timeZone);
  let offsetBeforeMs = offsetAtStartMs;
  while (before < end) {
    const after = Math.min(before + dayMs, end);
    const offsetAfterMs = askOffsetMs(after, timeZone);
    if (offsetAfterMs !== offsetBeforeMs) {
      changes.push({ at: findChange(before, after, offsetBeforeMs, timeZone), offsetBeforeMs, offsetAfterMs });
    }
    offsetBeforeMs = offsetAfterMs;
    before = after;
  }
  return { offsetAtStartMs, changes };
}

function askOffsetMs(epochMs: number, timeZone: string): number {
  return Math.round(localTimeOf(epochMs, timeZone).offsetMinutes * minuteMs);
}

/** The first moment after `before` whose offset differs; clocks change on whole seconds. */
function findChange(before: number, after: number, offsetBeforeMs: number, timeZone: string): number {
  let low = Math.floor(before / 1000);
  let high = Math.ceil(after / 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (askOffsetMs(middle * 1000, timeZone) === offsetBeforeMs) low = middle;
    else high = middle;
  }
  return high * 1000;
}
