// One backup run of one project: look first, hook, dump to every storage at once, verify, commit, then retention.

import { AppError, toAppError } from "../domain/error.ts";
import type { BackupType } from "../domain/backup/backup.ts";
import { newBackupId } from "../domain/backup/object-key.ts";
import type { BandwidthLimits, Project, ScheduleSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { HeldLock, LockHolder } from "../ports/lock.ts";
import { beginStretching } from "./begin-stretching.ts";
import { attemptBackup, type AttemptResult } from "./attempt-backup.ts";
import type { Deps } from "./deps.ts";
import { drillBackup } from "./drill-backup.ts";
import { executeRun, tellUnlessBegun, type ActiveRun } from "./execute-run.ts";
import { openProject, type OpenedProject } from "./open-project.ts";
import { formatBytes, preflight, type PreflightResult } from "./preflight.ts";
import { cleanStaged } from "./clean-staged.ts";
import { pruneEverywhere } from "./prune-backups.ts";
import { holdersOf, rememberBackup, snapshotFacts } from "./remember-backup.ts";
import { runHook, type HookStatus } from "./run-hook.ts";
import { ifRemembered, recordVerification } from "./record-verification.ts";
import { tagStage } from "./stage-error.ts";
import type { StorageFailure } from "./named.ts";

export interface BackupRequest {
  readonly project: Project;
  readonly type: BackupType;
  /** The schedule that asks for it; null for a run from the command line. */
  readonly schedule: ScheduleSpec | null;
  readonly storages?: readonly string[] | undefined;
  readonly limits?: BandwidthLimits | undefined;
  readonly signal: AbortSignal;
}

/** The hook has a time-out of its own; this only ends the wait for one that cannot be killed. */
const hookGraceMs = 300_000;

/** Throws `lock_held` when another run of the project is on; every other failure is in the returned run. */
export async function runBackup(deps: Deps, request: BackupRequest): Promise<Run> {
  const { project, signal } = request;
  beginStretching(deps, project);
  const trigger = request.schedule?.name ?? "manual";
  const run = { project: project.name, kind: "backup", trigger, signal } as const;
  await using _lock = await tellUnlessBegun(deps, run, () => lockProject(deps, project.name));
  return await executeRun(deps, run, (active) => backUp(deps, active, request));
}

/** The refusal has the words that people script against, when it is a backup that is on. */
async function lockProject({ lock }: Pick<Deps, "lock">, name: string): Promise<HeldLock> {
  try {
    return await lock.acquire(name, "backup");
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "lock_held") throw error;
    const holder = error.details["holder"] as LockHolder | undefined;
    if (holder?.purpose !== "backup") throw error;
    const { owner, since } = holder;
    const who = `pid ${owner.pid} on ${owner.host}, since ${new Date(since).toISOString()}`;
    throw new AppError("lock_held", `Backup already in progress for ${name} (${who})`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      details: error.details,
    });
  }
}

async function backUp(deps: Deps, run: ActiveRun, request: BackupRequest): Promise<void> {
  const { project } = request;
  // A run that is killed in its first moment must not be one that nobody knows of.
  await deps.recorded();
  deps.reach("run.started");
  await using stack = new AsyncDisposableStack();
  stack.defer(warnWhenLate(run, project));
  const options = { storages: request.storages, limits: request.limits, log: run.log };
  const opened = await openProject(deps, project, options, stack);
  const ready = await preflight(deps, project, opened, run.signal);
  for (const info of ready.infos.values()) info.warnings.forEach((warning) => run.warn(warning));
  const failures = [...opened.unopened, ...ready.failures];
  reportFailures(run, failures);

  let status: HookStatus = "running";
  let preHookStarted = false;
  try {
    if (project.hooks.preBackup !== undefined) {
      // Nothing is done to the application for a run that cannot encrypt.
      await ready.cipher;
      preHookStarted = true;
      await run.stage("pre_hook", () => runHook(deps, run, project, "pre", "running", run.signal));
    }
    deps.reach("run.pre_hook_done");
    const result = await dumpWithRetries(deps, run, request, opened, ready);
    deps.reach("run.committed");
    await afterCommit(deps, run, request, ready, result, failures);
    status = "succeeded";
  } catch (error) {
    status = run.signal.aborted ? "cancelled" : "failed";
    throw error;
  } finally {
    if (preHookStarted || project.hooks.preBackup === undefined) {
      await postHook(deps, run, project, status);
    }
    reportCalls(run, opened);
  }
}

function reportCalls(run: ActiveRun, { repositories }: OpenedProject): void {
  if (repositories.length === 0) return;
  const calls = repositories.reduce((sum, { repository }) => sum + repository.callCount(), 0);
  run.report({ resticCalls: calls });
  run.log("debug", `restic was started ${calls} times`);
}

/** Runs in every case, also after a cancel; its failure is a warning, for the backup is there or not without it. */
async function postHook(deps: Deps, run: ActiveRun, project: Project, status: HookStatus): Promise<void> {
  if (project.hooks.postBackup === undefined) return;
  try {
    const signal = AbortSignal.timeout(project.hooks.timeoutMs + hookGraceMs);
    await run.stage("post_hook", () => runHook(deps, run, project, "post", status, signal));
  } catch (error) {
    run.warn(`post_hook: ${toAppError(error).message}`);
  }
}

async function dumpWithRetries(
  deps: Deps,
  run: ActiveRun,
  request: BackupRequest,
  opened: OpenedProject,
  ready: PreflightResult,
): Promise<AttemptResult> {
  const { retryCount, retryDelayMs } = deps.settings;
  const abandonedIds: string[] = [];
  for (let attempt = 0; ; attempt++) {
    const backupId = newBackupId(deps.random(8));
    try {
      return await attemptBackup(deps, run, {
        backupId,
        project: request.project,
        type: request.type,
        schedule: request.schedule,
        sources: opened.sources,
        stores: ready.stores,
        repositories: ready.repositories,
        cipher: ready.cipher,
        infos: ready.infos,
      });
    } catch (error) {
      const failure = toAppError(error);
      if (!failure.retryable || attempt >= retryCount || run.signal.aborted) throw failure;
      // What could not be removed of this attempt is known by its id.
      abandonedIds.push(backupId);
      run.report({ abandonedIds: [...abandonedIds] });
      const delayMs = retryDelayMs * 2 ** attempt;
      run.update({ retryCount: attempt + 1 });
      run.log("warn", `${failure.message}; retry ${attempt + 1} of ${retryCount} in ${Math.round(delayMs / 1000)} s`);
      await deps.clock.sleep(delayMs, run.signal);
    }
  }
}

/** The backup is committed: from here on nothing fails the run. */
async function afterCommit(
  deps: Deps,
  run: ActiveRun,
  request: BackupRequest,
  ready: PreflightResult,
  result: AttemptResult,
  earlier: readonly StorageFailure[],
): Promise<void> {
  const { project } = request;
  const failures = [...earlier, ...result.failures];
  run.update({ backupId: result.manifest.backupId, partial: failures.length > 0 });
  reportFailures(run, result.failures);
  const backup = await rememberBackup(deps, result, (error) => run.warn(`state store: ${toAppError(error).message}`));
  const held = holdersOf(result);
  run.report({
    sizeBytes: backup.sizeBytes,
    storages: backup.storages,
    failedStorages: failures.map(({ name, error }) => ({ name, code: error.code, message: error.message })),
    stem: backup.stem,
    encrypted: backup.encryption !== null,
    verified: result.verifications.some(({ passed }) => passed),
    ...snapshotFacts(result.synced),
  });
  run.log(
    "info",
    `backup ${backup.id} committed on ${backup.storages.join(", ")}, ${formatBytes(backup.sizeBytes)} stored`,
  );
  for (const verification of result.verifications) {
    const holder = held.find(({ storage }) => storage.name === verification.storage);
    // A snapshot carries its result from the beginning.
    const isTagged = holder === undefined || holder.place.kind === "snapshots";
    const record = isTagged
      ? () => ifRemembered(deps.state.saveVerification(backup.id, verification))
      : () => recordVerification(deps, holder, result.manifest, verification);
    await asWarning(run, "verify", record);
  }
  if (project.verification.enabled && project.verification.level === "restore") {
    await asWarning(run, "verify", () => run.stage("verify", () => drillAndRecord(deps, run, project, ready, result)));
  }
  const places = { stores: result.committed, repositories: result.synced };
  await asWarning(run, "prune", () => run.stage("prune", () => pruneEverywhere(deps, run, project, places)));
  const { localDays } = project.retention ?? {};
  if (result.synced.length > 0 && localDays !== undefined) {
    await asWarning(run, "cleanup", () => run.stage("cleanup", () => cleanStaged(deps, run, project, localDays)));
  }
}

async function drillAndRecord(
  deps: Deps,
  run: ActiveRun,
  project: Project,
  ready: PreflightResult,
  result: AttemptResult,
): Promise<void> {
  const held = holdersOf(result);
  const holder = held[0]!;
  const { manifest } = result;
  const drill = { project, manifest, holder, cipher: await ready.cipher, log: run.log, signal: run.signal };
  const { verification, hint } = await drillBackup(deps, drill);
  for (const one of held) {
    const storage = one.storage.name;
    const snapshotId = await recordVerification(deps, one, manifest, { ...verification, storage });
    // A change of tags gives a snapshot a new id.
    if (snapshotId !== undefined && storage === result.synced[0]?.name) run.report({ snapshotId });
  }
  const { passed, restoreMs } = verification;
  run.report({ verified: passed, drill: passed ? "passed" : "failed", restoreMs });
  if (!verification.passed)
    throw tagStage(
      new AppError("verify_failed", verification.message ?? "the drill failed", hint === undefined ? {} : { hint }),
      "verify",
    );
}

async function asWarning(run: ActiveRun, what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { message, hint } = toAppError(error);
    run.warn(hint === undefined ? `${what}: ${message}` : `${what}: ${message} (${hint})`);
  }
}

function reportFailures(run: ActiveRun, failures: readonly StorageFailure[]): void {
  for (const { name, error } of failures) run.warn(`storage ${name}: ${error.message}`);
}

/** `timeout_minutes` never kills a backup: it says that this one takes unusually long. */
function warnWhenLate(run: ActiveRun, project: Project): () => void {
  const { timeoutMs } = project;
  if (timeoutMs === null) return () => {};
  const timer = setTimeout(() => {
    const minutes = Math.round(timeoutMs / 60_000);
    run.warnLate(timeoutMs, `the backup of ${project.name} takes longer than timeout_minutes (${minutes}); it goes on`);
  }, timeoutMs);
  return () => clearTimeout(timer);
}
