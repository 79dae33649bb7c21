// A state store whose writes of runs and backups never fail because it is down: they go to the fallback journal, in order,
// from the first one that fails until the store answers and the journal was replayed. What is asked meanwhile is answered
// as by an empty store, if that is wanted; an empty store makes nobody delete anything.

import type { AppError } from "../../domain/error.ts";
import { toAppError } from "../../domain/error.ts";
import type { AuditWrite } from "../../domain/run/audit-write.ts";
import { isTerminal, type Run } from "../../domain/run/run.ts";
import type { FallbackJournal } from "../../ports/fallback-journal.ts";
import type { StateStore } from "../../ports/state-store.ts";
import { openMemoryStateStore } from "./memory/index.ts";
import { isRefusal } from "./refusal.ts";

export interface FallbackOptions {
  readonly journal: FallbackJournal;
  readonly now: () => number;
  readonly newId: () => string;
  /** `fail`: reads ask the store each time. */
  readonly reads: "empty" | "fail";
  /** The store is known to be down already. */
  readonly isDown?: boolean;
  /** Told once each time the store stops answering. */
  readonly onDown: (error: AppError) => void;
}

const reads = [
  "findRun",
  "listRuns",
  "countRuns",
  "listLatestRuns",
  "listStages",
  "listLog",
  "findBackup",
  "listBackups",
] as const satisfies readonly (keyof StateStore)[];

export function withFallback(store: StateStore, options: FallbackOptions): StateStore {
  const { journal } = options;
  const empty = openMemoryStateStore();
  /** Runs that began here and have not ended, with what the journal needs to know of them. */
  const runs = new Map<string, { readonly run: Run; lines: number; isKept: boolean }>();
  let isDown = options.isDown === true;
  let hasAnswered = false;
  let queue: Promise<void> = Promise.resolve();

  function goDown(error: unknown): void {
    if (!isDown) options.onDown(toAppError(error));
    isDown = true;
    hasAnswered = false;
  }

  async function write(what: AuditWrite, call: () => Promise<void>): Promise<void> {
    if (isDown) return inTurn(() => writeWhileDown(what, call));
    try {
      await call();
    } catch (error) {
      if (isRefusal(error)) throw error;
      goDown(error);
      await inTurn(() => keep(what));
    } finally {
      forgetEnded(what);
    }
  }

  /** Back to the store itself only when all that was kept before has gone there. */
  async function writeWhileDown(what: AuditWrite, call: () => Promise<void>): Promise<void> {
    if (hasAnswered && !(await journal.read()).entries.some(({ type }) => type === "audit")) {
      isDown = false;
      return write(what, call);
    }
    await keep(what);
    forgetEnded(what);
  }

  async function keep(what: AuditWrite): Promise<void> {
    if (isHeartbeat(what)) return;
    const known = runs.get(runIdOf(what) ?? "");
    const writes: AuditWrite[] = [what];
    // The store may be another one when it comes back: what is kept of a run begins with the run itself.
    if (known !== undefined && !known.isKept && what.op !== "createRun") {
      writes.unshift({ op: "createRun", run: known.run });
    }
    const timestamp = options.now();
    await journal.append(
      ...writes.map((payload) => ({ id: options.newId(), type: "audit", payload, timestamp }) as const),
    );
    if (known !== undefined) known.isKept = true;
  }

  async function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = queue.then(work);
    queue = mine.catch(() => {});
    return mine;
  }

  function forgetEnded(what: AuditWrite): void {
    if (what.op !== "updateRun") return;
    const { status } = what.changes;
    if (status !== undefined && isTerminal(status)) runs.delete(what.id);
  }

  /** Every call that succeeds tells that the store is there again. */
  async function pass<T>(call: () => Promise<T>): Promise<T> {
    const result = await call();
    if (isDown) hasAnswered = true;
    return result;
  }

  const journaled: Partial<StateStore> = {
    createRun(run) {
      runs.set(run.id, { run, lines: 0, isKept: false });
      return write({ op: "createRun", run }, () => store.createRun(run));
    },
    updateRun: (id, changes) => write({ op: "updateRun", id, changes }, () => store.updateRun(id, changes)),
    saveStage: (runId, record) => write({ op: "saveStage", runId, record }, () => store.saveStage(runId, record)),
    appendLog(runId, lines) {
      const known = runs.get(runId);
      // Lines of a run that began elsewhere have no numbers here: they are added, whatever there is.
      const firstSeq = known === undefined ? Number.MAX_SAFE_INTEGER : known.lines + 1;
      if (known !== undefined) known.lines += lines.length;
      return write({ op: "appendLog", runId, firstSeq, lines }, () => store.appendLog(runId, lines));
    },
    saveBackup: (backup) => write({ op: "saveBackup", backup }, () => store.saveBackup(backup)),
    removeBackupFromStorage: (backupId, storage) =>
      write({ op: "removeBackupFromStorage", backupId, storage }, () =>
        store.removeBackupFromStorage(backupId, storage),
      ),
    saveVerification: (backupId, verification) =>
      write({ op: "saveVerification", backupId, verification }, () => store.saveVerification(backupId, verification)),
    savePin: (backupId, pinned) => write({ op: "savePin", backupId, pinned }, () => store.savePin(backupId, pinned)),
  };

  async function read(name: (typeof reads)[number], args: readonly unknown[]): Promise<unknown> {
    const ask = (from: StateStore): Promise<unknown> =>
      (from[name] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
    if (options.reads === "fail") return pass(() => ask(store));
    if (isDown) return ask(empty);
    try {
      return await ask(store);
    } catch (error) {
      if (isRefusal(error)) throw error;
      goDown(error);
      return ask(empty);
    }
  }
  const answered = Object.fromEntries(reads.map((name) => [name, (...args: unknown[]) => read(name, args)]));

  return new Proxy(store, {
    get(target, name: keyof StateStore) {
      const own: unknown = journaled[name] ?? answered[name as string];
      if (own !== undefined) return own;
      const value: unknown = target[name];
      if (typeof value !== "function") return value;
      const call = value as (...args: unknown[]) => unknown;
      if (name === Symbol.asyncDispose) return () => call.apply(target);
      return (...args: unknown[]) => pass(async () => call.apply(target, args));
    },
  });
}

function runIdOf(what: AuditWrite): string | undefined {
  if (what.op === "createRun") return what.run.id;
  if (what.op === "updateRun") return what.id;
  return what.op === "saveStage" || what.op === "appendLog" ? what.runId : undefined;
}

/** Signs of life that nobody can see are not worth a disk write each. */
function isHeartbeat(what: AuditWrite): boolean {
  return what.op === "updateRun" && Object.keys(what.changes).every((key) => key === "bytes" || key === "heartbeatAt");
}
