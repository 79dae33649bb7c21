// Checks cron expressions of five fields: minute, hour, day of month, month, day of week.

import { Cron } from "croner";

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
    const cron = new Cron(expression, { mode: "5-part", paused: true, utcOffset: 0 });
    // Only a day of the month can be one that no month of the expression has.
    const mayNeverCome = fields[2] !== "*" && fields[2] !== "?";
    return mayNeverCome && cron.nextRun() === null ? "this cron expression never comes true" : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern:\s*/, "").replace(/\.$/, "") : "";
    return `this cron expression is not valid: ${reason.charAt(0).toLowerCase()}${reason.slice(1, 120)}`;
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
