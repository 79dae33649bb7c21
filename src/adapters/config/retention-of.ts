// A `retention` block in the domain's words.

import type { RetentionPolicy } from "../../domain/retention/retention-policy.ts";
import type { RetentionBlock } from "./file-schema.ts";

/** Null when no rule is given: nothing is ever deleted. */
export function retentionOf(block: RetentionBlock | undefined): RetentionPolicy | null {
  if (block === undefined) return null;
  const rules = {
    keepLast: block.keep_last,
    keepHourly: block.keep_hourly,
    keepDaily: block.keep_daily,
    keepWeekly: block.keep_weekly,
    keepMonthly: block.keep_monthly,
    keepYearly: block.keep_yearly,
    maxAgeDays: block.max_age_days,
    maxTotalSizeBytes: block.max_total_size,
    localDays: block.local_days,
  };
  const given = Object.entries(rules).filter(([, value]) => value !== undefined);
  return given.length === 0 ? null : (Object.fromEntries(given) as RetentionPolicy);
}
