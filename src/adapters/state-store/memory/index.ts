// The state store of tests: everything in maps, with the same promises as the real ones.

import type { Backup, Verification } from "../../../domain/backup/backup.ts";
import { AppError } from "../../../domain/error.ts";
import { canTransition, isTerminal, type LogLevel, type Run, type StageRecord } from "../../../domain/run/run.ts";
import type { RunFilter, StateStore, StoredLogLine } from "../../../ports/state-store.ts";
import type { RecoveryStore } from "../../../ports/state-store-recovery.ts";
import { refusal } from "../refusal.ts";
import { createMemoryOutbox, type MemoryOutboxEntry } from "./outbox.ts";
import { createMemoryRecovery } from "./recovery.ts";
import { createMemorySchedules, memoryAlertStore, memoryScheduleStore, type MemorySchedules } from "./schedules.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** The data behind one or several openings of a memory store. */
export interface MemoryState {
  readonly runs: Map<string, Run>;
  readonly stages: Map<string, Map<string, StageRecord>>;
  readonly logs: Map<string, StoredLogLine[]>;
  readonly backups: Map<string, Backup>;
  readonly outbox: Map<string, MemoryOutboxEntry>;
  readonly schedules: MemorySchedules;
  readonly replayed: Set<string>;
  migratedAt: number | null;
}

export function createMemoryState(): MemoryState {
  return {
    runs: new Map(),
    stages: new Map(),
    logs: new Map(),
    backups: new Map(),
    outbox: new Map(),
    schedules: createMemorySchedules(),
    replayed: new Set(),
    migratedAt: null,
  };
}

export function openMemoryStateStore(state: MemoryState = createMemoryState()): StateStore {
  const migration = "0001-memory";
  function requireRun(id: string): Run {
    const run = state.runs.get(id);
    if (run === undefined) throw refusal(`the run ${id} is not in the state store`);
    return run;
  }
  function requireBackup(id: string): Backup {
    const backup = state.backups.get(id);
    if (backup === undefined) throw new AppError("backup_not_found", `the backup ${id} is not in the state store`);
    return backup;
  }

  const store: Omit<StateStore, keyof RecoveryStore> = {
    ...createMemoryOutbox(state.outbox),
    ...memoryScheduleStore(state.schedules),
    ...memoryAlertStore(state.schedules, state.runs),
    location: "memory",
    async migrate() {
      if (state.migratedAt !== null) return { applied: [], current: migration };
      state.migratedAt = Date.now();
      return { applied: [migration], current: migration };
    },
    async listMigrations() {
      return [{ name: migration, appliedAt: state.migratedAt }];
    },

    async createRun(run) {
      if (state.runs.has(run.id)) throw refusal(`the run ${run.id} exists already`);
      state.runs.set(run.id, structuredClone(run));
    },
    async updateRun(id, changes) {
      const run = requireRun(id);
      const status = changes.status ?? run.status;
      if (Object.values(changes).every((value) => value === undefined)) return;
      if (isTerminal(run.status) || (status !== run.status && !canTransition(run.status, status)))
        throw refusal(`the run ${id} has ${run.status} and cannot be changed`);
      const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
      state.runs.set(id, { ...run, ...structuredClone(given) });
    },
    async findRun(idOrPrefix) {
      const matches = findByPrefix([...state.runs.values()], idOrPrefix);
      if (matches.length > 1) throw ambiguous("usage", "run", idOrPrefix, matches);
      return matches[0] && structuredClone(matches[0]);
    },
    async listRuns(filter) {
      return structuredClone(page([...state.runs.values()].filter(matchesRun(filter)).toSorted(newestFirst), filter));
    },
    async countRuns(filter) {
      return [...state.runs.values()].filter(matchesRun(filter)).length;
    },
    async listLatestRuns(kind) {
      const runs = [...state.runs.values()].filter((run) => run.kind === kind).toSorted(newestFirst);
      return structuredClone(runs.filter((run, index) => runs.findIndex((r) => r.project === run.project) === index));
    },

    async saveStage(runId, record) {
      requireRun(runId);
      const stages = state.stages.get(runId) ?? new Map<string, StageRecord>();
      state.stages.set(runId, stages.set(record.stage, structuredClone(record)));
    },
    async listStages(runId) {
      const stages = [...(state.stages.get(runId)?.values() ?? [])];
      return structuredClone(stages.toSorted((a, b) => a.startedAt - b.startedAt));
    },
    async appendLog(runId, lines) {
      if (lines.length === 0) return;
      requireRun(runId);
      const log = state.logs.get(runId) ?? [];
      state.logs.set(runId, log);
      for (const line of lines) log.push({ ...line, runId, seq: log.length + 1 });
    },
    async listLog(runId, filter) {
      const { level, afterSeq } = filter;
      const wanted = (state.logs.get(runId) ?? []).filter(
        (line) =>
          (level === undefined || levels.indexOf(line.level) >= levels.indexOf(level)) &&
          (afterSeq === undefined || line.seq > afterSeq),
      );
      return page(afterSeq === undefined ? wanted.toReversed() : wanted, filter);
    },

    async saveBackup(backup) {
      if (backup.storages.length === 0) state.backups.delete(backup.id);
      else state.backups.set(backup.id, structuredClone(backup));
    },
    async removeBackupFromStorage(backupId, storage) {
      const backup = state.backups.get(backupId);
      if (backup === undefined) return;
      const storages = backup.storages.filter((name) => name !== storage);
      if (storages.length === 0) state.backups.delete(backupId);
      else state.backups.set(backupId, { ...backup, storages });
    },
    async saveVerification(backupId, verification: Verification) {
      const backup = requireBackup(backupId);
      if (backup.verification !== null && backup.verification.at > verification.at) return;
      state.backups.set(backupId, { ...backup, verification: structuredClone(verification) });
    },
    async savePin(backupId, pinned) {
      state.backups.set(backupId, { ...requireBackup(backupId), pinned });
    },
    async findBackup(project, idOrPrefix) {
      const ofProject = [...state.backups.values()].filter((backup) => backup.project === project);
      const matches = findByPrefix(ofProject, idOrPrefix);
      if (matches.length > 1) throw ambiguous("backup_not_found", "backup", idOrPrefix, matches);
      return matches[0] && structuredClone(matches[0]);
    },
    async listBackups(filter) {
      const { project, storage, type } = filter;
      const wanted = [...state.backups.values()].filter(
        (backup) =>
          (project === undefined || backup.project === project) &&
          (storage === undefined || backup.storages.includes(storage)) &&
          (type === undefined || backup.type === type),
      );
      return structuredClone(page(wanted.toSorted(newestFirst), filter));
    },
    async [Symbol.asyncDispose]() {},
  };
  return {
    ...store,
    ...createMemoryRecovery(state, {
      ...store,
      getRun: async (id) => state.runs.get(id),
      countLines: async (runId) => state.logs.get(runId)?.length ?? 0,
      async correctRun(id, changes) {
        state.runs.set(id, { ...requireRun(id), error: null, ...changes });
      },
    }),
  };
}

interface Dated {
  readonly id: string;
  readonly createdAt: number;
}

function newestFirst(a: Dated, b: Dated): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : -1;
}

function page<T>(items: readonly T[], { limit, offset = 0 }: { limit: number; offset?: number }): readonly T[] {
  return items.slice(offset, offset + limit);
}

function matchesRun({ project, kind, status, since }: Omit<RunFilter, "limit" | "offset">): (run: Run) => boolean {
  return (run) =>
    (project === undefined || run.project === project) &&
    (kind === undefined || run.kind === kind) &&
    (status === undefined || status.includes(run.status)) &&
    (since === undefined || run.createdAt >= since);
}

function findByPrefix<T extends Dated>(items: readonly T[], idOrPrefix: string): readonly T[] {
  const exact = items.find((item) => item.id === idOrPrefix);
  if (exact !== undefined) return [exact];
  if (idOrPrefix === "") return [];
  return items.filter((item) => item.id.startsWith(idOrPrefix)).toSorted(newestFirst);
}

function ambiguous(
  code: "usage" | "backup_not_found",
  noun: string,
  prefix: string,
  found: readonly Dated[],
): AppError {
  const candidates = found.map((item) => item.id);
  return new AppError(code, `more than one ${noun} begins with ${prefix}: ${candidates.join(", ")}`, {
    hint: "give more characters of the id",
    details: { candidates },
  });
}
