// Writes a run's events to the state store, in order, without ever slowing or failing the run: a store that
// cannot be written is reported once, and the backup goes on.

import type { LogLine, RunEvent } from "../domain/run/run.ts";
import type { Clock } from "../ports/clock.ts";
import type { StateStore } from "../ports/state-store.ts";

export interface RunRecorder {
  emit(event: RunEvent): void;
  /** Resolves when all that was emitted is stored or given up. */
  flush(): Promise<void>;
}

const heartbeatMs = 5_000;
/** Also while nothing moves: a hook, a drill, a prune. */
const quietHeartbeatMs = 30_000;
const linesPerWrite = 200;

/** `onStoreError` hears of the first failure only. */
export function recordRunEvents(
  deps: { readonly state: StateStore; readonly clock: Clock },
  onStoreError: (error: unknown) => void,
): RunRecorder {
  let chain: Promise<void> = Promise.resolve();
  let reported = false;
  const pending = new Map<string, LogLine[]>();
  const lastBeat = new Map<string, number>();
  const timers = new Map<string, ReturnType<typeof setInterval>>();

  function beat(runId: string): void {
    const heartbeatAt = deps.clock.now();
    enqueue(() => deps.state.updateRun(runId, { heartbeatAt }));
  }

  function enqueue(write: () => Promise<void>): void {
    chain = chain.then(write).catch((error: unknown) => {
      if (!reported) onStoreError(error);
      reported = true;
    });
  }

  function addLine(runId: string, line: LogLine): void {
    const lines = pending.get(runId);
    if (lines !== undefined) {
      lines.push(line);
      return;
    }
    pending.set(runId, [line]);
    enqueue(async () => {
      const batch = pending.get(runId) ?? [];
      pending.delete(runId);
      for (let start = 0; start < batch.length; start += linesPerWrite) {
        await deps.state.appendLog(runId, batch.slice(start, start + linesPerWrite));
      }
    });
  }

  return {
    emit(event) {
      switch (event.type) {
        case "started":
          enqueue(() => deps.state.createRun(event.run));
          timers.set(event.run.id, setInterval(() => beat(event.run.id), quietHeartbeatMs).unref());
          return;
        case "stage":
          enqueue(async () => {
            await deps.state.saveStage(event.runId, event.record);
            if (event.record.outcome === "running") {
              await deps.state.updateRun(event.runId, {
                stage: event.record.stage,
                heartbeatAt: event.record.startedAt,
                ...(event.backupId === undefined ? {} : { backupId: event.backupId }),
              });
            }
          });
          return;
        case "progress": {
          const now = deps.clock.now();
          if (now - (lastBeat.get(event.runId) ?? 0) < heartbeatMs) return;
          lastBeat.set(event.runId, now);
          enqueue(() => deps.state.updateRun(event.runId, { bytes: event.progress.bytesDone, heartbeatAt: now }));
          return;
        }
        case "log":
          addLine(event.runId, event.line);
          return;
        case "finished": {
          clearInterval(timers.get(event.run.id));
          timers.delete(event.run.id);
          const { id, project: _project, kind: _kind, createdAt: _createdAt, ...changes } = event.run;
          enqueue(() => deps.state.updateRun(id, changes));
        }
      }
    },
    async flush() {
      await chain;
    },
  };
}
