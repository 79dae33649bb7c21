// Whether a daemon can do its work: state store, room on the disk, and an engine that still looks at the clock.

import { toAppError } from "../domain/error.ts";
import type { Deps } from "./deps.ts";
import type { SchedulerState } from "./run-scheduler.ts";

export interface DaemonHealth {
  readonly status: "healthy" | "unhealthy";
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly stateStore: { readonly ok: boolean; readonly location: string; readonly message: string | null };
  readonly disk: {
    readonly ok: boolean;
    readonly path: string;
    readonly freeBytes: number | null;
    readonly minFreeBytes: number;
    readonly message: string | null;
  };
  readonly daemon: {
    readonly ok: boolean;
    readonly schedules: number;
    readonly queued: number;
    readonly running: number;
    readonly nextRunAt: string | null;
  };
  readonly alerts: number | null;
}

export interface DaemonHealthRequest {
  readonly startedAtMs: number; // monotonic
  readonly scheduler: SchedulerState;
}

/** Who asks does not wait for a store that hangs. */
const answerWithinMs = 5_000;
/** The engine looks at the clock at least every 20 s. */
const deadEngineMs = 3 * 60_000;
const mostAlerts = 1_000;

/** Never throws: what cannot be asked is not well. */
export async function checkDaemonHealth(
  deps: Pick<Deps, "state" | "clock" | "settings" | "program" | "openDirectory">,
  { startedAtMs, scheduler }: DaemonHealthRequest,
): Promise<DaemonHealth> {
  const { clock, settings, state } = deps;
  const signal = AbortSignal.timeout(answerWithinMs);
  const [store, disk] = await Promise.all([
    attempt(signal, () => state.listAlerts({ open: true, limit: mostAlerts })),
    attempt(signal, async () => {
      await using directory = await deps.openDirectory(settings.baseDir, () => {});
      return await directory.freeBytes(signal);
    }),
  ]);
  const freeBytes = disk.value ?? null;
  const isFull = freeBytes !== null && freeBytes < settings.diskMinFreeBytes;
  const isAlive = Math.abs(clock.now() - scheduler.lookedAt) < deadEngineMs;
  const isHealthy = store.message === null && disk.message === null && !isFull && isAlive;
  return {
    status: isHealthy ? "healthy" : "unhealthy",
    version: deps.program.version,
    uptimeSeconds: Math.round((clock.monotonicMs() - startedAtMs) / 1000),
    stateStore: { ok: store.message === null, location: state.location, message: store.message },
    disk: {
      ok: disk.message === null && !isFull,
      path: settings.baseDir,
      freeBytes,
      minFreeBytes: settings.diskMinFreeBytes,
      message: disk.message ?? (isFull ? "less space is free than HEALTH_DISK_MIN_FREE_GB asks for" : null),
    },
    daemon: {
      ok: isAlive,
      schedules: scheduler.schedules,
      queued: scheduler.queued,
      running: scheduler.running,
      nextRunAt: scheduler.nextAt === null ? null : new Date(scheduler.nextAt).toISOString(),
    },
    alerts: store.value?.length ?? null,
  };
}

async function attempt<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<{ readonly value?: T; readonly message: string | null }> {
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("it did not answer in time")), { once: true });
  });
  try {
    return { value: await Promise.race([work(), late]), message: null };
  } catch (error) {
    return { message: toAppError(error).message };
  }
}
