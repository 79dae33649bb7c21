// Spans of time as people write them: `45m`, `1h30m`, `90s`, `500ms`, and `0`.

import { AppError } from "../domain/error.ts";
import type { OptionValues } from "./command-spec.ts";

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
/** A year; longer waits are mistakes. */
const longestMs = 366 * 24 * 3_600_000;

/** Milliseconds. */
export function parseSpan(value: OptionValues[string], flag: string): number | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  if (text === "0") return 0;
  const isSpan = /^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text);
  const parts = isSpan ? [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)] : [];
  const spanMs = Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0));
  if (parts.length > 0 && spanMs <= longestMs) return spanMs;
  throw new AppError("usage", `${flag} takes a span of time, not ${JSON.stringify(text)}`, {
    hint: "as 45m, 1h30m or 90s",
  });
}
