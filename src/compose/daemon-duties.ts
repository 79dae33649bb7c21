// What the daemon does beside running schedules, by the use cases of others.

import { toAppError } from "../domain/error.ts";
import type { App } from "../cli/context.ts";
import type { LogSink } from "../usecases/deps.ts";

const longestRecoveryMs = 5 * 60_000;

/** What a crash left is put in order before the first slot is taken. */
export async function recover({ deps, configuration }: App, log: LogSink, leaving: AbortSignal): Promise<void> {
  const { recoverAfterCrash } = await import("../usecases/recover-after-crash.ts");
  const { importKeyDirectory } = await import("./import-keys.ts");
  await importKeyDirectory(configuration, log);
  // A storage that does not answer must not keep the schedules for ever; what is left is tried again at the next start.
  const signal = AbortSignal.any([leaving, AbortSignal.timeout(longestRecoveryMs)]);
  await recoverAfterCrash(
    { ...deps, log },
    { projects: configuration.projects, only: null, extent: "storages", signal },
  ).catch((error: unknown) => log("warn", `crash recovery was ended early: ${toAppError(error).message}`));
}

/** One message about the last day, to every channel that hears of it. */
export async function sendSummary({ deps, configuration }: App): Promise<void> {
  const { sendDailySummary } = await import("../usecases/send-daily-summary.ts");
  await sendDailySummary(deps, configuration);
}
