// Kept writes and dead runs of the memory store.

import { toAppError } from "../../../domain/error.ts";
import { isTerminal, type Run } from "../../../domain/run/run.ts";
import type { RecoveryStore } from "../../../ports/state-store-recovery.ts";
import { applyWrite, type WriteTarget } from "../apply-write.ts";
import { isRefusal } from "../refusal.ts";

export interface MemoryRecovery {
  readonly runs: Map<string, Run>;
  readonly replayed: Set<string>;
}

export function createMemoryRecovery(state: MemoryRecovery, target: WriteTarget): RecoveryStore {
  return {
    async replay({ id, write }) {
      if (state.replayed.has(id)) return { status: "known" };
      state.replayed.add(id);
      try {
        await applyWrite(target, structuredClone(write));
      } catch (error) {
        state.replayed.delete(id);
        if (!isRefusal(error)) throw error;
        return { status: "refused", reason: toAppError(error).message };
      }
      return { status: "stored" };
    },
    async failDeadRun(runId, { at, error }) {
      const run = state.runs.get(runId);
      if (run === undefined || isTerminal(run.status)) return false;
      state.runs.set(runId, { ...run, status: "failed", finishedAt: at, error });
      return true;
    },
  };
}
