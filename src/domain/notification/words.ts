// Sizes, spans and times as the messages show them.

import { localTimeOf } from "../schedule/calendar-bucket.ts";

/** `245 MB`, `1.5 GB`: powers of 1000, one decimal below 10. */
export function sizeText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const rounded = value < 9.95 && unit > 0 ? Math.round(value * 10) / 10 : Math.round(value);
  return `${rounded} ${units[unit]}`;
}

/** `3m 12s`, `45s`, `2h 5m`. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** `35m`, `1h 30m`, `20s` below a minute. */
export function minutesText(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return `${Math.round(milliseconds / 1000)}s`;
  return minutes < 60 ? `${minutes}m` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** `1 file`, `2 files`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** `2026-03-18` in the time zone. */
export function dateText(epochMs: number, timeZone: string): string {
  const { year, month, day } = localTimeOf(epochMs, timeZone);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
}

/** `2026-03-18 00:00:00 CET`. */
export function timeText(epochMs: number, timeZone: string): string {
  const { hour, minute, second } = localTimeOf(epochMs, timeZone);
  const zone = zoneText(epochMs, timeZone);
  return `${dateText(epochMs, timeZone)} ${pad(hour)}:${pad(minute)}:${pad(second)} ${zone}`;
}

/** `2026-03-18T00:03:12+01:00`. */
export function isoText(epochMs: number, timeZone: string): string {
  const { hour, minute, second, offsetMinutes } = localTimeOf(epochMs, timeZone);
  const offset = Math.abs(offsetMinutes);
  const sign = offsetMinutes < 0 ? "-" : "+";
  const zone = `${sign}${pad(Math.floor(offset / 60))}:${pad(Math.floor(offset % 60))}`;
  return `${dateText(epochMs, timeZone)}T${pad(hour)}:${pad(minute)}:${pad(second)}${zone}`;
}

/** Each of them knows the abbreviations that are usual where it is spoken; the others answer `GMT+1`. */
const locales = ["en-US", "en-GB", "en-IN", "en-AU", "ja-JP"] as const;

/** `CET`, `IST`, `EDT`; `GMT+8` where no abbreviation is usual. */
function zoneText(epochMs: number, timeZone: string): string {
  const names = locales.map((locale) => {
    const parts = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" }).formatToParts(epochMs);
    return parts.find(({ type }) => type === "timeZoneName")?.value ?? timeZone;
  });
  return names.find((name) => /^[A-Z]{2,5}$/.test(name)) ?? names[0]!;
}

function pad(number: number, width = 2): string {
  return `${number}`.padStart(width, "0");
}
