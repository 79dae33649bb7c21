// Looks at everything that a backup or a restore will need. The checks run side by side, each with a time-out of its own: one that
// hangs is reported as such and keeps nobody waiting.

import { AppError, toAppError } from "../domain/error.ts";
import type { HealthCheck, HealthStatus } from "../domain/health/health-check.ts";
import { unknownHostOf } from "../domain/health/unknown-host.ts";
import type { Configuration, Project } from "../domain/project/project.ts";
import { checkFreshness } from "./check-freshness.ts";
import type { Deps } from "./deps.ts";
import type { OpenDeps } from "./open-project.ts";
import { checkCipher, checkSource, checkStorage, formatBytes, type Check } from "./preflight.ts";

export type HealthDeps = Pick<Deps, "clock" | "settings" | "state" | "openDirectory" | "openSource" | "openCipher"> &
  OpenDeps;

export interface HealthRequest {
  readonly configuration: Pick<Configuration, "projects" | "storages">;
  /** `service`: only what the program itself lives on, state store and disk: cheap enough to be asked every few seconds. */
  readonly scope: "service" | "all";
  /** Of one check; default 20 s. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  onCheck?(check: HealthCheck): void;
}

interface Finding {
  readonly status: HealthStatus;
  readonly detail: string;
  readonly hint?: string;
}

interface Task {
  readonly name: string;
  look(signal: AbortSignal): Promise<Finding>;
}

const defaultTimeoutMs = 20_000;
const checksAtOnce = 16;
const notificationsLookedAt = 1_000;

/** In the order of the configuration, whatever ended first. A cancel throws. */
export async function checkHealth(deps: HealthDeps, request: HealthRequest): Promise<readonly HealthCheck[]> {
  const { projects, storages } = request.configuration;
  const enabled = projects.filter((project) => project.enabled);
  const tasks: Task[] = [stateTask(deps), diskTask(deps)];
  if (request.scope === "all") {
    tasks.push(...storages.map(({ name }) => storageTask(deps, name)));
    for (const project of enabled) tasks.push(...sourceTasks(deps, project), ...cipherTasks(deps, project));
    tasks.push(notificationTask(deps));
    tasks.push(
      ...enabled.map((project) => ({ name: `backups ${project.name}`, look: () => checkFreshness(deps, project) })),
    );
  }
  const results: HealthCheck[] = [];
  let next = 0;
  const workers = Array.from({ length: Math.min(checksAtOnce, tasks.length) }, async () => {
    for (let index = next++; index < tasks.length; index = next++) {
      const check = await perform(deps, tasks[index]!, request);
      results[index] = check;
      request.onCheck?.(check);
    }
  });
  await Promise.all(workers);
  return results;
}

async function perform(deps: Pick<Deps, "clock">, task: Task, request: HealthRequest): Promise<HealthCheck> {
  request.signal.throwIfAborted();
  const timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
  const started = deps.clock.monotonicMs();
  const stop = new AbortController();
  const finish = (): number => Math.round(deps.clock.monotonicMs() - started);
  // Whoever does not listen to the signal is left behind.
  const limit = deps.clock.sleep(timeoutMs, AbortSignal.any([request.signal, stop.signal])).then(() => {
    throw new AppError("timed_out", `no answer in ${Math.round(timeoutMs / 1000)} s`, {
      hint: "look whether the server, the network or the disk hangs",
    });
  });
  try {
    const looking = task.look(AbortSignal.any([request.signal, stop.signal]));
    looking.catch(() => {});
    const { status, detail, hint } = await Promise.race([looking, limit]);
    return { name: task.name, status, detail, hint: hint ?? null, code: null, durationMs: finish() };
  } catch (error) {
    request.signal.throwIfAborted();
    const { code, message, hint } = toAppError(error);
    const unknownHost = unknownHostOf(toAppError(error));
    const failed: HealthCheck = {
      name: task.name,
      status: "failed",
      detail: message,
      hint: hint ?? null,
      code,
      durationMs: finish(),
    };
    return unknownHost === undefined ? failed : { ...failed, unknownHost };
  } finally {
    stop.abort();
    limit.catch(() => {});
  }
}

function stateTask({ state }: HealthDeps): Task {
  return {
    name: "state store",
    async look() {
      const migrations = await state.listMigrations();
      const pending = migrations.filter(({ appliedAt }) => appliedAt === null).map(({ name }) => name);
      if (pending.length === 0) return { status: "ok", detail: state.location };
      return {
        status: "warning",
        detail: `${state.location}: its schema lacks ${pending.join(", ")}`,
        hint: "run backupctl db migrate",
      };
    },
  };
}

function diskTask({ settings, openDirectory }: HealthDeps): Task {
  const { baseDir, diskMinFreeBytes } = settings;
  return {
    name: "disk",
    async look(signal) {
      await using directory = await openDirectory(baseDir, () => {});
      const free = await directory.freeBytes(signal);
      const detail = free === null ? baseDir : `${baseDir}: ${formatBytes(free)} free`;
      if (free === null || free >= diskMinFreeBytes) return { status: "ok", detail };
      throw new AppError("disk_full", `${detail}, ${formatBytes(diskMinFreeBytes)} are required`, {
        hint: "free space there, prune old backups, or lower HEALTH_DISK_MIN_FREE_GB",
      });
    },
  };
}

function notificationTask({ state }: HealthDeps): Task {
  return {
    name: "notifications",
    async look() {
      const waiting = await state.listNotifications({ status: "pending", limit: notificationsLookedAt });
      const failing = waiting.filter(({ attempts }) => attempts > 0);
      if (failing.length === 0) return { status: "ok", detail: `${waiting.length} wait to be sent` };
      const channels = [...new Set(failing.map(({ channel }) => channel))].join(", ");
      return {
        status: "warning",
        detail: `${failing.length} could not be sent yet (${channels}): ${failing[0]!.lastError ?? "no reason is known"}`,
        hint: "try the channels with backupctl notify test",
      };
    },
  };
}

function storageTask(deps: HealthDeps, name: string): Task {
  return {
    name: `storage ${name}`,
    async look(signal) {
      if (deps.isRepository(name)) return lookAtRepository(deps, name, signal);
      await using store = await deps.openStorage(name, () => {});
      return resultOf(await checkStorage({ name, store }, deps.settings.diskMinFreeBytes, signal));
    },
  };
}

async function lookAtRepository(deps: OpenDeps, name: string, signal: AbortSignal): Promise<Finding> {
  await using repository = await deps.openRepository(name, () => {});
  const { program, repositoryId } = await repository.probe(signal);
  const { location } = repository;
  if (repositoryId !== null) {
    return { status: "ok", detail: `${location}, repository ${repositoryId.slice(0, 8)}, ${program}` };
  }
  return {
    status: "warning",
    detail: `${location}: there is no repository yet`,
    hint: "the first backup makes it, or backupctl restic <project> init",
  };
}

/** The client program is chosen for the server that answers, so the floors of its versions are judged here too. */
function sourceTasks(deps: HealthDeps, project: Project): readonly Task[] {
  return project.sources.map((spec) => ({
    name: `source ${project.name}/${spec.name}`,
    async look(signal) {
      const source = await deps.openSource(spec, () => {});
      const check = await checkSource({ name: spec.name, source }, signal);
      const warnings = check.info?.warnings ?? [];
      const { detail } = resultOf(check);
      if (warnings.length === 0) return { status: "ok", detail };
      return { status: "warning", detail: `${detail}; ${warnings.join("; ")}` };
    },
  }));
}

function cipherTasks(deps: HealthDeps, project: Project): readonly Task[] {
  const { encryption } = project;
  if (encryption === null) return [];
  const look = async (signal: AbortSignal): Promise<Finding> =>
    resultOf(await checkCipher(await deps.openCipher(encryption), signal));
  return [{ name: `encryption ${project.name}`, look }];
}

function resultOf(check: Check): Finding {
  if (check.error !== null) throw check.error;
  return { status: "ok", detail: check.detail };
}
