// The user's lines before and after a backup, with their output in the run's log.

import { AppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";

export type HookStatus = "running" | "succeeded" | "failed" | "cancelled";

/** Throws `hook_failed` for a non-zero exit status, `timed_out` after the project's hook time-out. */
export async function runHook(
  deps: Pick<Deps, "hooks">,
  run: ActiveRun,
  project: Project,
  which: "pre" | "post",
  status: HookStatus,
  signal: AbortSignal,
): Promise<void> {
  const command = which === "pre" ? project.hooks.preBackup : project.hooks.postBackup;
  if (command === undefined) return;
  const { exitCode, durationMs } = await deps.hooks.run({
    command,
    env: {
      BACKUPCTL_PROJECT: project.name,
      BACKUPCTL_RUN_ID: run.id,
      BACKUPCTL_HOOK: `${which}_backup`,
      BACKUPCTL_STATUS: status,
    },
    timeoutMs: project.hooks.timeoutMs,
    signal,
    onLine: (line) => run.log("info", `${which}_hook: ${line}`),
  });
  run.report({ [`${which}HookExitCode`]: exitCode });
  run.log("debug", `${which}_hook: ended with status ${exitCode} after ${Math.round(durationMs)} ms`);
  if (exitCode === 0) return;
  throw new AppError("hook_failed", `${which}_backup hook of ${project.name} ended with status ${exitCode}`, {
    hint: "its output is in backupctl logs; the hook must end with status 0",
    details: { exitCode },
  });
}
