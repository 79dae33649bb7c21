// The keep rules of a policy: which backups each one keeps, and under which name a report shows it.

import { calendarBucketsOf, type CalendarUnit } from "../schedule/calendar-bucket.ts";
import type { RetentionPolicy } from "./retention-policy.ts";

interface Tier {
  readonly key: keyof RetentionPolicy;
  /** As a report shows it: `daily 3 of 7`. */
  readonly label: string;
  /** Null: every backup is a bucket of its own. */
  readonly unit: CalendarUnit | null;
}

const tiers: readonly Tier[] = [
  { key: "keepLast", label: "last", unit: null },
  { key: "keepHourly", label: "hourly", unit: "hour" },
  { key: "keepDaily", label: "daily", unit: "day" },
  { key: "keepWeekly", label: "weekly", unit: "week" },
  { key: "keepMonthly", label: "monthly", unit: "month" },
  { key: "keepYearly", label: "yearly", unit: "year" },
];

export interface DatedBackup {
  readonly id: string;
  readonly createdAt: number; // epoch ms
}

/** A count of 0 is no rule. */
export function hasKeepRule(policy: RetentionPolicy): boolean {
  return tiers.some(({ key }) => (policy[key] ?? 0) > 0);
}

/** False: the policy removes nothing, whatever the limit of all backups is. */
export function hasRule(policy: RetentionPolicy): boolean {
  const { maxAgeDays = 0, maxTotalSizeBytes = 0, localDays = 0 } = policy;
  return hasKeepRule(policy) || maxAgeDays > 0 || maxTotalSizeBytes > 0 || localDays > 0;
}

/**
 * The reasons for which each backup is kept, by id; a backup that no rule keeps is not in it.
 * `newestFirst` must be sorted; each rule keeps the first of each of its N first buckets.
 */
export function applyKeepRules(
  newestFirst: readonly DatedBackup[],
  policy: RetentionPolicy,
  timeZone: string,
): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  const seen = new Map<string, Set<string>>();
  for (const { id, createdAt } of newestFirst) {
    const buckets = calendarBucketsOf(createdAt, timeZone);
    for (const { key, label, unit } of tiers) {
      const limit = policy[key] ?? 0;
      const filled = seen.get(key) ?? new Set<string>();
      const bucket = unit === null ? id : buckets[unit];
      if (filled.size >= limit || filled.has(bucket)) continue;
      seen.set(key, filled.add(bucket));
      reasons.set(id, [...(reasons.get(id) ?? []), `${label} ${filled.size} of ${limit}`]);
    }
  }
  return reasons;
}
