// What the daemon does beside running schedules, by the use cases of others.

import type { App } from "../cli/context.ts";
import type { LogSink } from "../usecases/deps.ts";

/** What a crash left is put in order before the first slot is taken. */
export async function recover({ deps, configuration }: App, log: LogSink): Promise<void> {
  const { recoverAfterCrash } = await import("../usecases/recover-after-crash.ts");
  const { importKeyDirectory } = await import("./import-keys.ts");
  await importKeyDirectory(configuration, log);
  const { signal } = new AbortController();
  await recoverAfterCrash({ ...deps, log }, { projects: configuration.projects, only: null, signal });
}

/** One message about the last day, to every channel that hears of it. */
export async function sendSummary({ deps, configuration }: App): Promise<void> {
  const { sendDailySummary } = await import("../usecases/send-daily-summary.ts");
  await sendDailySummary(deps, configuration);
}
