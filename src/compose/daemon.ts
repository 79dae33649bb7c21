// The daemon put together: schedule engine, alerts, messages that wait, HTTP and its socket around one configuration, which a
// reload replaces for the runs that begin after it.

import { join } from "node:path";
import { AppError, toAppError } from "../domain/error.ts";
import type { ConfigProblem } from "../domain/project/project.ts";
import type { RunEvent } from "../domain/run/run.ts";
import { listScheduleEntries, summarySchedule } from "../domain/schedule/daemon-schedules.ts";
import type { Alert } from "../domain/alert/alert.ts";
import { allRoutes, distinctRoutes, routesOf } from "../domain/notification/route.ts";
import type { DaemonFacts, ReloadResult } from "../contract/control-protocol.ts";
import type { App, AppOptions, CliContext, DaemonOptions } from "../cli/context.ts";
import { exitCodes } from "../cli/exit-codes.ts";
import { renderProblem } from "../cli/render-error.ts";
import { openControlSocket } from "../server/control-socket.ts";
import { createHttpApp } from "../server/create-http-app.ts";
import { listenHttp } from "../server/listen.ts";
import { checkAlerts } from "../usecases/check-alerts.ts";
import { checkDaemonHealth } from "../usecases/check-daemon-health.ts";
import { readProjectHistory, readStatus } from "../usecases/read-status.ts";
import { runScheduledSlot } from "../usecases/run-scheduled-slot.ts";
import { openScheduler } from "../usecases/run-scheduler.ts";
import { tellAlert } from "../usecases/tell-alert.ts";
import { watchStateStore } from "../usecases/watch-state-store.ts";
import { isOwnerDead } from "../adapters/lock/owner.ts";
import { recover, sendSummary } from "./daemon-duties.ts";
import { giveBackMemory } from "./give-back-memory.ts";
import { holdConfigurations } from "./hold-configurations.ts";
import { lockDaemon } from "./lock-daemon.ts";
import { forgetTold } from "./told-lately.ts";
import { logRuns, type RunLog } from "./log-runs.ts";
import { takeTurns } from "./take-turns.ts";

export interface DaemonParts {
  openApp(options: AppOptions): Promise<App>;
  /** From now on signals come here and no longer cancel; one that came before comes at once. */
  takeSignals(onSignal: (signal: NodeJS.Signals) => void): void;
}

const everyMinuteMs = 60_000;
/** A run that does not end when it is cancelled does not keep the daemon. */
const cancelGraceMs = 30_000;
const defaultConcurrentRuns = 3;

/** Ends after a signal; the result is the exit code. */
export async function runDaemon(context: CliContext, parts: DaemonParts, options: DaemonOptions): Promise<number> {
  const listeners = new Set<(event: RunEvent) => void>();
  const logging = logRuns(context);
  listeners.add(logging.show);
  const show = (event: RunEvent): void => listeners.forEach((listener) => listener(event));
  const held = await holdConfigurations({ openApp: parts.openApp, show });
  await forgetTold(held.current().deps.settings.baseDir);
  await using _held = held;
  const log: RunLog["log"] = (level, message) => {
    logging.log(level, message);
    held.current().log(level, message);
  };
  const { deps } = held.current();
  const { clock, state, settings } = deps;
  await using _lock = await lockDaemon(settings.baseDir);
  for (const problem of held.current().configuration.warnings) warn(problem);
  const startedAtMs = clock.monotonicMs();
  const startedAt = clock.now();

  const scheduler = openScheduler(
    {
      clock,
      state,
      owner: deps.owner,
      lock: deps.lock,
      isOwnerDead,
      log,
      runSlot: (entry, slot) =>
        held.use(async (app) => {
          try {
            if (entry.schedule !== summarySchedule) return await runScheduledSlot(app.deps, entry, slot);
            await sendSummary(app);
            return null;
          } finally {
            giveBackMemory();
          }
        }),
    },
    { maxConcurrentRuns: settings.maxConcurrentRuns ?? defaultConcurrentRuns, runTimeoutMs: options.runTimeoutMs },
  );

  // One after the other: else the one that began with the older file might end last, and stay.
  const reload = takeTurns(async (): Promise<ReloadResult> => {
    const { configuration, restartFor } = await held.reload();
    const entries = listScheduleEntries(configuration);
    await scheduler.register(entries);
    for (const problem of configuration.warnings) warn(problem);
    const { path, projects, warnings } = configuration;
    log("info", `configuration read again: ${projects.length} projects, ${entries.length} schedules`);
    return {
      configuration: path,
      projects: projects.length,
      schedules: entries.length,
      warnings: [...warnings],
      restartFor: [...restartFor],
    };
  });

  function describe(): DaemonFacts {
    const { schedules, queued, running, nextAt } = scheduler.describe();
    const { path } = held.current().configuration;
    const own = { version: context.version, pid: process.pid, startedAt, configuration: path };
    return { ...own, schedules, queued, running, nextAt };
  }

  await using _socket = await openControlSocket(join(settings.baseDir, ".backupctl", "daemon.sock"), {
    ping: async () => describe(),
    reload,
    subscribe(onEvent) {
      listeners.add(onEvent);
      return () => listeners.delete(onEvent);
    },
  });
  await using http = listenHttp(
    createHttpApp({
      checkHealth: () => checkDaemonHealth(deps, { startedAtMs, scheduler: scheduler.describe() }),
      status: {
        listAll: () => readStatus(deps, held.current().configuration),
        findHistory: (project, page) => readProjectHistory(deps, held.current().configuration, project, page),
      },
    }),
    settings.listen ?? ":3100",
  );

  const over = new AbortController();
  const leaving = new AbortController();
  let wasCancelled = false;
  let signals = 0;
  function cancel(why: string): void {
    wasCancelled ||= scheduler.describe().running > 0;
    log("warn", `${why}: what runs is cancelled`);
    scheduler.cancel(new AppError("cancelled", "the daemon was stopped"));
    void clock.sleep(cancelGraceMs, over.signal).then(
      () => over.abort(),
      () => {},
    );
  }
  parts.takeSignals((signal) => {
    if (signal === "SIGHUP") {
      reload().catch((error: unknown) => refuse(toAppError(error)));
      return;
    }
    signals += 1;
    if (signals === 1) {
      leaving.abort();
      const { running } = scheduler.describe();
      log("info", `${signal}: nothing new is begun, ${running} running`);
      scheduler.stop();
      void clock.sleep(options.stopTimeoutMs, over.signal).then(
        () => cancel("the time to stop is over"),
        () => {},
      );
    } else if (signals === 2) cancel(signal);
    else process.exit(exitCodes.cancelled);
  });

  await recover(held.current(), log, leaving.signal);
  const entries = listScheduleEntries(held.current().configuration);
  await scheduler.register(entries);
  giveBackMemory();
  log("info", `backupctl ${context.version} daemon: ${entries.length} schedules, ${http.url}`);
  const watch = watchStateStore(deps, logAlert);
  const loops = [
    repeat(async () => {
      const { projects, channels } = held.current().configuration;
      const problems = await watch.look(distinctRoutes(allRoutes(projects, channels)));
      for (const problem of problems) log("warn", problem);
    }),
    repeat(() =>
      held.use(async (app) => {
        await app.replayKept();
        await app.sendWaiting();
        giveBackMemory();
      }),
    ),
    repeat(() =>
      checkAlerts(deps, held.current().configuration, async (alert) => {
        logAlert(alert);
        const { projects, channels } = held.current().configuration;
        const project = projects.find(({ name }) => name === alert.project) ?? alert.project;
        await tellAlert(deps, alert, routesOf(project, channels));
      }),
    ),
  ];
  await Promise.race([scheduler.run(), aborted(over.signal)]);
  over.abort();
  await Promise.all(loops);
  log("info", "the daemon ended");
  return wasCancelled ? exitCodes.cancelled : exitCodes.success;

  async function repeat(work: () => Promise<unknown>): Promise<void> {
    let failed = "";
    while (!over.signal.aborted) {
      try {
        await work();
        failed = "";
      } catch (error) {
        const { message } = toAppError(error);
        if (message !== failed) log("warn", message);
        failed = message;
      }
      await clock.sleep(everyMinuteMs, over.signal).catch(() => {});
    }
  }

  function logAlert({ resolvedAt, message }: Alert): void {
    if (resolvedAt === null) log("error", `alert: ${message}`);
    else log("info", `alert resolved: ${message}`);
  }

  function refuse(error: AppError): void {
    log("error", `${error.message}; the configuration that was read before stays`);
    for (const problem of (error.details["problems"] ?? []) as ConfigProblem[]) warn(problem);
  }

  function warn(problem: ConfigProblem): void {
    log(problem.severity === "error" ? "error" : "warn", renderProblem(context, problem));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
