// Checks cron expressions of five fields: minute, hour, day of month, month, day of week.

import { Cron } from "croner";

/** What is wrong with it; undefined when it is valid. */
export function findCronFault(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return `a cron expression has 5 fields, not ${expression.trim() === "" ? 0 : fields.length}`;
  try {
    const cron = new Cron(expression, { mode: "5-part", paused: true, timezone: "UTC" });
    return cron.nextRun() === null ? "this cron expression never comes true" : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern:\s*/, "").replace(/\.$/, "") : "";
    return `this cron expression is not valid: ${reason.charAt(0).toLowerCase()}${reason.slice(1, 120)}`;
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
