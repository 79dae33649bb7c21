// Checks cron expressions of five fields: minute, hour, day of month, month, day of week.

import { CronFault, parseCron } from "../../domain/schedule/parse-cron.ts";
import { nextWallTime } from "../../domain/schedule/next-wall-time.ts";

const faults = new Map<string, string | undefined>();

/** What is wrong with it; undefined when it is valid. */
export function findCronFault(expression: string): string | undefined {
  // Looking for the next time takes milliseconds, and one expression is often given many times.
  if (!faults.has(expression)) faults.set(expression, checkCron(expression));
  return faults.get(expression);
}

function checkCron(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return `a cron expression has 5 fields, not ${expression.trim() === "" ? 0 : fields.length}`;
  try {
    const pattern = parseCron(expression);
    // Only a day of the month can be one that no month of the expression has.
    const mayNeverCome = pattern.daysOfMonth !== null && pattern.daysOfWeek === null;
    if (!mayNeverCome || nextWallTime(pattern, Date.UTC(2026, 0, 1)) !== undefined) return undefined;
    return "this cron expression never comes true";
  } catch (error) {
    if (!(error instanceof CronFault)) throw error;
    return `this cron expression is not valid: ${error.message}`;
  }
}

export function isTimeZone(name: string): boolean {
  if (name === "UTC") return true; // the first DateTimeFormat costs tens of milliseconds
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
