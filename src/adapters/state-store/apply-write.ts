// Does a kept write, knowing that it, or a part of it, may have reached the store before the failure was noticed.

import { AppError } from "../../domain/error.ts";
import type { AuditWrite, RunChanges } from "../../domain/run/audit-write.ts";
import { isTerminal, type Run } from "../../domain/run/run.ts";
import type { StateStore } from "../../ports/state-store.ts";
import { refusal } from "./refusal.ts";

export interface WriteTarget extends Pick<
  StateStore,
  | "createRun"
  | "updateRun"
  | "saveStage"
  | "appendLog"
  | "saveBackup"
  | "removeBackupFromStorage"
  | "saveVerification"
  | "savePin"
> {
  getRun(id: string): Promise<Run | undefined>;
  /** The number of the newest log line of a run, 0 without one. */
  countLines(runId: string): Promise<number>;
  /** Also of a run that has ended. */
  correctRun(id: string, changes: RunChanges): Promise<void>;
}

/** Throws a refusal for what can never be done, also for a write that is none. */
export async function applyWrite(target: WriteTarget, write: AuditWrite): Promise<void> {
  try {
    await apply(target, write);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw refusal(`the kept write is damaged: ${error.message}`);
  }
}

async function apply(target: WriteTarget, write: AuditWrite): Promise<void> {
  switch (write.op) {
    case "createRun":
      if ((await target.getRun(write.run.id)) === undefined) await target.createRun(write.run);
      return;
    case "updateRun":
      return updateRun(target, write.id, write.changes);
    case "saveStage":
      return target.saveStage(write.runId, write.record);
    case "appendLog": {
      const known = Math.max(0, (await target.countLines(write.runId)) - write.firstSeq + 1);
      return target.appendLog(write.runId, write.lines.slice(known));
    }
    case "saveBackup":
      return target.saveBackup(write.backup);
    case "removeBackupFromStorage":
      return target.removeBackupFromStorage(write.backupId, write.storage);
    case "saveVerification":
      return ifKnown(target.saveVerification(write.backupId, write.verification));
    case "savePin":
      return ifKnown(target.savePin(write.backupId, write.pinned));
    default:
      throw refusal(`the kept write ${JSON.stringify((write as { op?: unknown }).op)} is unknown`);
  }
}

async function updateRun(target: WriteTarget, id: string, changes: RunChanges): Promise<void> {
  const run = await target.getRun(id);
  if (run === undefined) throw refusal(`the run ${id} is not in the state store`);
  if (!isTerminal(run.status)) return target.updateRun(id, changes);
  // It was taken for dead while it could not tell how it went on.
  if (run.error?.stage === "crash_recovery" && changes.status !== undefined) await target.correctRun(id, changes);
}

/** The backup was removed since, or is known to its storage alone. */
async function ifKnown(saving: Promise<void>): Promise<void> {
  try {
    await saving;
  } catch (error) {
    if (!(error instanceof AppError && error.code === "backup_not_found")) throw error;
  }
}
