// Plain text tables and the forms of times, spans and sizes that people read.

import { localTimeOf, pad } from "../domain/schedule/calendar-bucket.ts";

export { formatBytes } from "../usecases/preflight.ts";

/** Columns are as wide as their widest cell; the last one is not padded. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_title, column) => Math.max(...all.map((row) => Bun.stringWidth(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + " ".repeat(widths[column]! - Bun.stringWidth(cell)),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `2026-11-21 02:13:55` in the time zone. */
export function formatTime(at: number | null, timeZone: string): string {
  if (at === null) return "-";
  const { year, month, day, hour, minute, second } = localTimeOf(at, timeZone);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)} ${pad(hour)}:${pad(minute)}:${pad(second)}`;
}

/** `3m 12s`, `45s`, `0.4s`, `2h 5m`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${whole % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}
