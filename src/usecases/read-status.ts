// What is known of projects: last run, what is queued, what comes next, which alerts stand. For people's eyes and machines'.

import type { Alert } from "../domain/alert/alert.ts";
import type { Configuration } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import { listScheduleEntries, listUpcoming, type ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import type { SlotRecord } from "../domain/schedule/slot-record.ts";
import type { Deps } from "./deps.ts";

/** A run in the words of `run --json`, with its stage and its retries. */
export interface RunStatusView {
  readonly id: string;
  readonly kind: Run["kind"];
  readonly status: Run["status"];
  readonly partial: boolean;
  readonly trigger: string;
  readonly stage: Run["stage"];
  readonly backupId: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly durationMs: number | null;
  readonly bytes: number;
  readonly retryCount: number;
  readonly warnings: readonly string[];
  readonly error: Run["error"];
}

export interface ProjectStatus {
  readonly project: string;
  readonly enabled: boolean;
  readonly lastRun: RunStatusView | null;
  readonly lastSuccessAt: string | null;
  readonly nextRunAt: string | null;
  readonly queued: readonly QueuedView[];
  readonly alerts: readonly AlertView[];
}

export interface QueuedView {
  readonly schedule: string;
  readonly kind: SlotRecord["kind"];
  readonly dueAt: string;
  readonly reason: string | null;
}

export interface AlertView {
  readonly kind: Alert["kind"];
  readonly since: string;
  readonly message: string;
}

export interface ProjectHistory extends ProjectStatus {
  readonly runs: readonly RunStatusView[];
  readonly totalRuns: number;
}

type StatusDeps = Pick<Deps, "state" | "clock">;
type Configured = Pick<Configuration, "projects" | "settings">;

const manySlots = 10_000;
const manyAlerts = 10_000;

/** Of every project of the configuration, in its order. `lastRun` is the last backup. */
export async function readStatus(deps: StatusDeps, configuration: Configured): Promise<readonly ProjectStatus[]> {
  const [runs, successes, queued, alerts] = await Promise.all([
    deps.state.listLatestRuns("backup"),
    deps.state.listNewestSuccesses("backup"),
    deps.state.listSlots({ status: ["queued"], limit: manySlots }),
    deps.state.listAlerts({ open: true, limit: manyAlerts }),
  ]);
  const lastRuns = new Map(runs.map((run) => [run.project, run]));
  const successAt = new Map(successes.map(({ project, startedAt }) => [project, startedAt]));
  const queuedOf = Map.groupBy(queued, ({ project }) => project);
  const alertsOf = Map.groupBy(alerts, ({ project }) => project);
  const entriesOf = Map.groupBy(listScheduleEntries(configuration), ({ project }) => project);
  return configuration.projects.map(({ name, enabled }) => {
    const lastRun = lastRuns.get(name);
    return {
      project: name,
      enabled,
      lastRun: lastRun === undefined ? null : viewRun(lastRun),
      lastSuccessAt: iso(successAt.get(name) ?? null),
      nextRunAt: nextBackup(entriesOf.get(name) ?? [], deps.clock.now()),
      queued: (queuedOf.get(name) ?? []).map(viewQueued),
      alerts: (alertsOf.get(name) ?? []).map(viewAlert),
    };
  });
}

/** Undefined when neither configuration nor state store know it. */
export async function readProjectHistory(
  deps: StatusDeps,
  configuration: Configured,
  name: string,
  page: { readonly limit: number; readonly offset: number },
): Promise<ProjectHistory | undefined> {
  const project = configuration.projects.find((candidate) => candidate.name === name);
  const [runs, totalRuns, queued, alerts, newest] = await Promise.all([
    deps.state.listRuns({ project: name, ...page }),
    deps.state.countRuns({ project: name }),
    deps.state.listSlots({ project: name, status: ["queued"], limit: manySlots }),
    deps.state.listAlerts({ project: name, open: true, limit: manyAlerts }),
    deps.state.listRuns({ project: name, kind: "backup", limit: 1 }),
  ]);
  if (project === undefined && totalRuns === 0) return undefined;
  const [success] = await deps.state.listRuns({ project: name, kind: "backup", status: ["succeeded"], limit: 1 });
  const entries = listScheduleEntries(configuration).filter((entry) => entry.project === name);
  return {
    project: name,
    enabled: project?.enabled ?? false,
    lastRun: newest[0] === undefined ? null : viewRun(newest[0]),
    lastSuccessAt: iso(success?.startedAt ?? null),
    nextRunAt: nextBackup(entries, deps.clock.now()),
    queued: queued.map(viewQueued),
    alerts: alerts.map(viewAlert),
    runs: runs.map(viewRun),
    totalRuns,
  };
}

function nextBackup(entries: readonly ScheduleEntry[], nowMs: number): string | null {
  const backups = entries.filter(({ kind }) => kind === "backup");
  return iso(listUpcoming(backups, nowMs, 1)[0]?.at ?? null);
}

function viewRun(run: Run): RunStatusView {
  const { id, kind, status, partial, trigger, stage, backupId, startedAt, finishedAt, bytes, retryCount } = run;
  return {
    id,
    kind,
    status,
    partial,
    trigger,
    stage,
    backupId,
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    durationMs: startedAt === null || finishedAt === null ? null : finishedAt - startedAt,
    bytes,
    retryCount,
    warnings: run.warnings,
    error: run.error,
  };
}

function viewQueued({ schedule, kind, slotAt, reason }: SlotRecord): QueuedView {
  return { schedule, kind, dueAt: new Date(slotAt).toISOString(), reason };
}

function viewAlert({ kind, openedAt, message }: Alert): AlertView {
  return { kind, since: new Date(openedAt).toISOString(), message };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
