// What a process that was killed left behind is put in order: kept records first, then its runs end as failed, then what
// they had written without committing is removed. While the state store cannot be read, nothing is touched. A run that is
// alive, here or elsewhere, and everything that belongs to it stays as it is.

import { AppError, toAppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Run, RunError } from "../domain/run/run.ts";
import { clearDeadRun, type ClearDeps } from "./clear-dead-run.ts";
import type { Deps } from "./deps.ts";
import { findDeadRuns } from "./find-dead-runs.ts";
import { replayJournal } from "./replay-journal.ts";

export type RecoveryDeps = ClearDeps & Pick<Deps, "journal" | "lock" | "judgeOwner" | "owner" | "announce" | "reach">;

export interface RecoveryRequest {
  /** Of the configuration: what is left of them can be removed. */
  readonly projects: readonly Project[];
  /** Only the runs of this project; null: of all. */
  readonly only: string | null;
  /** `records`: what is recorded and told; nothing on a storage is touched. */
  readonly extent: "records" | "storages";
  readonly signal: AbortSignal;
}

export interface RecoveryReport {
  /** As they are recorded now. */
  readonly recovered: readonly Run[];
  readonly replayed: number;
}

/** Never throws but for a cancel: what cannot be done now is said in the log and tried again the next time. */
export async function recoverAfterCrash(deps: RecoveryDeps, request: RecoveryRequest): Promise<RecoveryReport> {
  const recovered: Run[] = [];
  let replayed = 0;
  try {
    // First of all: a run whose end is only in the journal did not crash.
    const report = await replayJournal(deps);
    replayed = report.replayed;
    if (replayed > 0) deps.log("info", `${replayed} kept records were stored`);
    for (const reason of report.rejected) deps.log("warn", `a kept record was set aside: ${reason}`);
    for (const run of await findDeadRuns(deps, request.projects, request.only)) {
      request.signal.throwIfAborted();
      const failed = await endDeadRun(deps, run);
      if (failed === undefined) continue;
      recovered.push(failed);
      const project = request.projects.find(({ name }) => name === run.project);
      if (project !== undefined && request.extent === "storages") await clear(deps, project, failed, request.signal);
    }
  } catch (error) {
    request.signal.throwIfAborted();
    deps.log("warn", `crash recovery: ${toAppError(error).message}`);
  }
  return { recovered, replayed };
}

/** Undefined when another process was faster. The news is kept before: a crash in between repeats it without effect. */
async function endDeadRun(deps: RecoveryDeps, run: Run): Promise<Run | undefined> {
  const at = deps.clock.now();
  const error: RunError = {
    code: "interrupted",
    stage: "crash_recovery",
    message: `the process that ran it (pid ${run.owner.pid} on ${run.owner.host}) ended without finishing${run.stage === null ? "" : `, in stage ${run.stage}`}`,
    hint: `run it again: backupctl ${run.kind === "backup" ? "run" : run.kind} ${run.project}`,
  };
  const failed: Run = { ...run, status: "failed", finishedAt: at, error };
  const announcement = deps.announce(run);
  const problems = [...((await announcement?.keepEnd(failed)) ?? [])];
  if (!(await deps.state.failDeadRun(run.id, { at, error }))) return undefined;
  deps.log("warn", `run ${run.id} (${run.kind} of ${run.project}) is marked failed: ${error.message}`);
  problems.push(...((await announcement?.deliver()) ?? []));
  for (const problem of problems) deps.log("warn", problem);
  return failed;
}

async function clear(deps: RecoveryDeps, project: Project, run: Run, signal: AbortSignal): Promise<void> {
  if (run.kind !== "backup" && run.kind !== "prune") return;
  try {
    await using _lock = await deps.lock.acquire(project.name, "crash recovery");
    await clearDeadRun(deps, project, run, signal);
  } catch (error) {
    signal.throwIfAborted();
    const held = error instanceof AppError && error.code === "lock_held";
    const later = held ? "another run is on; " : `${toAppError(error).message}; `;
    deps.log("warn", `what run ${run.id} left is not removed now: ${later}the next prune does it`);
  }
}
