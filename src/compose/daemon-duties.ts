// What the daemon does beside running schedules, by the use cases of others.

import type { App } from "../cli/context.ts";

/** What a crash left is put in order before the first slot is taken. */
export async function recover(_app: App): Promise<void> {}

/** One message about the last day, to every channel that hears of it. */
export async function sendSummary({ deps, configuration }: App): Promise<void> {
  const { sendDailySummary } = await import("../usecases/send-daily-summary.ts");
  await sendDailySummary(deps, configuration);
}
