// A policy as people write and read it: `24h/7d/4w/12m`, the newest backup of each of so many hours, days, ISO weeks,
// months; `y` for years, and `l` for the last ones, whatever their time.

import { AppError } from "../error.ts";
import type { RetentionPolicy } from "./retention-policy.ts";
import { hasRule } from "./retention-tiers.ts";

const unitKeys = [
  ["l", "keepLast"],
  ["h", "keepHourly"],
  ["d", "keepDaily"],
  ["w", "keepWeekly"],
  ["m", "keepMonthly"],
  ["y", "keepYearly"],
] as const satisfies readonly (readonly [string, keyof RetentionPolicy])[];

/** What `init` and the UI offer under the name `Standard`. */
export const standardPolicy: RetentionPolicy = { keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 };

/** The keep rules alone; empty when there is none. */
export function formatKeepRules(policy: RetentionPolicy): string {
  return unitKeys
    .filter(([, key]) => (policy[key] ?? 0) > 0)
    .map(([unit, key]) => `${policy[key]}${unit}`)
    .join("/");
}

/** Reads what `formatKeepRules` writes, in any order; throws `config_invalid`. */
export function parseKeepRules(text: string): RetentionPolicy {
  const refuse = (what: string): AppError =>
    new AppError("config_invalid", `the retention policy ${JSON.stringify(text)} was refused: ${what}`, {
      hint: "write it as 24h/7d/4w/12m, with l for the last ones and y for years",
    });
  const policy: { -readonly [Key in keyof RetentionPolicy]: RetentionPolicy[Key] } = {};
  for (const token of text.trim().split("/")) {
    const [, digits, unit] = /^\s*(\d{1,6})([lhdwmy])\s*$/i.exec(token) ?? [];
    const key = unitKeys.find(([name]) => name === unit?.toLowerCase())?.[1];
    if (key === undefined) throw refuse(`${JSON.stringify(token)} is no number and unit`);
    if (policy[key] !== undefined) throw refuse(`${unit} is given twice`);
    policy[key] = Number(digits);
  }
  if (!hasRule(policy)) throw refuse("every number is 0");
  return policy;
}

/** One line for people. */
export function describePolicy(policy: RetentionPolicy | null): string {
  if (policy === null || !hasRule(policy)) return "nothing is deleted";
  const { maxAgeDays = 0, maxTotalSizeBytes = 0, localDays = 0 } = policy;
  const parts = [formatKeepRules(policy)].filter((part) => part !== "");
  if (maxAgeDays > 0) parts.push(`at most ${maxAgeDays} days`);
  if (maxTotalSizeBytes > 0) parts.push(`at most ${formatSize(maxTotalSizeBytes)} together`);
  if (localDays > 0) parts.push(`at most ${localDays} days in the base directory`);
  return parts.join(", ");
}

/** Exact: the largest unit that leaves no more than two decimals, else bytes. */
function formatSize(sizeBytes: number): string {
  const units = ["TB", "GB", "MB", "KB"];
  for (const [index, unit] of units.entries()) {
    const value = sizeBytes / 1000 ** (units.length - index);
    if (value >= 1 && Number.isInteger(Math.round(value * 1e5) / 1e3)) return `${value} ${unit}`;
  }
  return `${sizeBytes} bytes`;
}
