// The one executor: it gives a piece of work a run id, stages, progress, log lines and exactly one terminal status,
// and tells the outside world by events. It is the same in the CLI, the server and an agent.

import { AppError, toAppError } from "../domain/error.ts";
import type { LogLevel, Run, RunEvent, RunKind, RunStage, StageRecord } from "../domain/run/run.ts";
import { redactRun } from "../domain/run/redact.ts";
import type { Deps } from "./deps.ts";
import { stageOf, tagStage } from "./stage-error.ts";

export interface RunRequest {
  readonly project: string;
  readonly kind: RunKind;
  /** `manual`, `safety`, or the schedule's name. */
  readonly trigger: string;
  readonly signal: AbortSignal;
}

export interface ActiveRun {
  readonly id: string;
  readonly signal: AbortSignal;
  /** Runs one stage; an error thrown inside belongs to it unless an inner layer named another one. */
  stage<T>(stage: RunStage, work: () => Promise<T>): Promise<T>;
  log(level: LogLevel, message: string): void;
  /** A log line that is also kept with the run's result. */
  warn(message: string): void;
  /** Without a total, or null, nobody knows how much there will be. */
  advance(bytes: number, bytesTotal?: number | null): void;
  update(changes: Partial<Pick<Run, "backupId" | "partial" | "retryCount">>): void;
  /** A warning that people get at once: the run takes longer than `thresholdMs`. */
  warnLate(thresholdMs: number, message: string): void;
  /** Adds to the run's result. */
  report(result: Readonly<Record<string, unknown>>): void;
}

export type RunDeps = Pick<Deps, "clock" | "emit" | "redact" | "owner" | "random" | "announce">;

const progressIntervalMs = 200;

/** Never throws: a failure is the run's status and error. What the returned run says holds no secret. */
export async function executeRun(
  deps: RunDeps,
  request: RunRequest,
  work: (run: ActiveRun) => Promise<void>,
): Promise<Run> {
  const { clock } = deps;
  // Whoever listens cannot harm the run: a terminal that is gone must not undo a commit.
  const emit = (event: RunEvent): void => {
    try {
      deps.emit(event);
    } catch {
      // There is nobody to tell.
    }
  };
  let run = newRun(deps, request);
  const { id, createdAt: now } = run;
  let stage: RunStage | null = null;
  let progressAt = Number.NEGATIVE_INFINITY;
  const announcement = deps.announce(request);
  emit({ type: "started", run });

  /** Records that a stage has begun; the result records how it ended. */
  function openStage(name: RunStage): (outcome: StageRecord["outcome"], message: string | null) => void {
    const startedAt = clock.now();
    const record = (outcome: StageRecord["outcome"], message: string | null): void => {
      const finishedAt = outcome === "running" ? null : clock.now();
      const { backupId } = run;
      const known = backupId === null ? {} : { backupId };
      emit({ type: "stage", runId: id, record: { stage: name, startedAt, finishedAt, outcome, message }, ...known });
    };
    record("running", null);
    return record;
  }
  /** Whoever could not be told is no fault of the run: a line in its log, but none of its warnings. */
  function logProblems(problems: readonly string[]): void {
    problems.forEach((problem) => active.log("warn", problem));
  }

  const active: ActiveRun = {
    id,
    signal: request.signal,
    async stage(name, body) {
      const outer = stage;
      stage = name;
      const record = openStage(name);
      try {
        const result = await body();
        record("succeeded", null);
        return result;
      } catch (error) {
        const tagged = tagStage(error, name);
        record("failed", tagged.message);
        throw tagged;
      } finally {
        stage = outer;
      }
    },
    log(level, message) {
      emit({ type: "log", runId: id, line: { at: clock.now(), level, message, stage } });
    },
    warn(message) {
      if (run.warnings.includes(message)) return;
      run = { ...run, warnings: [...run.warnings, message] };
      active.log("warn", message);
    },
    advance(bytes, bytesTotal) {
      // What a repository's program reads is progress, but no part of the dump.
      if (stage !== "sync") run = { ...run, bytes };
      const at = clock.monotonicMs();
      if (at - progressAt < progressIntervalMs) return;
      progressAt = at;
      const progress = {
        stage: stage ?? "dump",
        bytesDone: bytes,
        ...(bytesTotal === undefined || bytesTotal === null ? {} : { bytesTotal }),
      };
      emit({ type: "progress", runId: id, progress });
    },
    warnLate(thresholdMs, message) {
      active.warn(message);
      const elapsedMs = clock.now() - now;
      void announcement?.late(run, { elapsedMs, thresholdMs, stage, message }).then(logProblems);
    },
    update(changes) {
      run = { ...run, ...changes };
    },
    report(result) {
      run = { ...run, result: { ...run.result, ...result } };
    },
  };

  if (announcement?.tellsStart === true) {
    const record = openStage("notify_started");
    const problems = await announcement.start(run);
    logProblems(problems);
    record(problems.length === 0 ? "succeeded" : "failed", problems[0] ?? null);
  }
  try {
    await work(active);
    run = { ...run, status: "succeeded", stage: null };
  } catch (error) {
    const failure = describeFailure(error, request.signal);
    run = {
      ...run,
      status: failure.code === "cancelled" ? "cancelled" : "failed",
      error: {
        code: failure.code,
        stage: stageOf(failure) ?? "dump",
        message: failure.message,
        hint: failure.hint ?? null,
      },
    };
    active.log("error", failure.message);
  }
  run = redactRun({ ...run, finishedAt: clock.now(), heartbeatAt: clock.now() }, deps.redact);
  if (announcement === undefined) {
    emit({ type: "finished", run });
    return run;
  }
  const record = openStage("notify");
  const problems = [...(await announcement.keepEnd(run))];
  emit({ type: "finished", run });
  problems.push(...(await announcement.deliver()));
  logProblems(problems);
  record(problems.length === 0 ? "succeeded" : "failed", problems[0] ?? null);
  return run;
}

/** What has to succeed before a run can begin: whoever waits for the run is told when it does not. Rethrows. */
export async function tellUnlessBegun<T>(deps: RunDeps, request: RunRequest, prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (error) {
    const { code, message, hint = null } = toAppError(error);
    const run = newRun(deps, request);
    const announcement = deps.announce(request);
    await announcement?.keepEnd({
      ...run,
      status: "failed",
      finishedAt: run.createdAt,
      error: { code, stage: "notify_started", message, hint },
    });
    await announcement?.deliver();
    throw error;
  }
}

function newRun(deps: RunDeps, request: RunRequest): Run {
  const now = deps.clock.now();
  return {
    id: formatUuid(deps.random(16)),
    project: request.project,
    kind: request.kind,
    status: "running",
    partial: false,
    trigger: request.trigger,
    stage: null,
    backupId: null,
    owner: deps.owner,
    createdAt: now,
    startedAt: now,
    finishedAt: null,
    heartbeatAt: now,
    bytes: 0,
    retryCount: 0,
    warnings: [],
    error: null,
    result: {},
  };
}

/** After a cancel whatever broke is a consequence of it: the run was cancelled, not failed. */
function describeFailure(error: unknown, signal: AbortSignal): AppError {
  const failure = toAppError(error);
  if (!signal.aborted) return failure;
  const { reason } = signal as { reason: unknown };
  // A run that was given only so much time has failed: nobody wanted it to end.
  if (reason instanceof AppError && reason.code === "timed_out") return tagStage(reason, stageOf(failure) ?? "dump");
  const cancelled = new AppError("cancelled", "the run was cancelled", { cause: failure });
  return tagStage(cancelled, stageOf(failure) ?? "dump");
}

function formatUuid(bytes: Uint8Array): string {
  const copy = Uint8Array.from(bytes);
  copy[6] = (copy[6]! & 0x0f) | 0x40;
  copy[8] = (copy[8]! & 0x3f) | 0x80;
  const hex = Array.from(copy, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
