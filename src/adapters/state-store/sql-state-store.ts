// The state store over any of the engines: one transaction per call, every engine error translated once.

import type { StateStore } from "../../ports/state-store.ts";
import { createAlertStore } from "./alert-store.ts";
import { createBackupStore } from "./backup-store.ts";
import type { StateEngine } from "./engine.ts";
import { migrate, readApplied } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";
import { createOutboxStore } from "./outbox-store.ts";
import { createRecoveryStore } from "./recovery-store.ts";
import { createRunStore } from "./run-store.ts";
import { createScheduleStore } from "./schedule-store.ts";

const actions: Readonly<Record<string, string>> = {
  createRun: "create a run",
  updateRun: "update a run",
  findRun: "find a run",
  listRuns: "list runs",
  countRuns: "count runs",
  listLatestRuns: "list the latest runs",
  saveStage: "save a stage",
  listStages: "list stages",
  appendLog: "append log lines",
  listLog: "list log lines",
  saveBackup: "save a backup",
  removeBackupFromStorage: "remove a backup",
  saveVerification: "save a verification",
  savePin: "save a pin",
  findBackup: "find a backup",
  listBackups: "list backups",
  addNotifications: "add notifications",
  claimNotification: "claim a notification",
  settleNotification: "settle a notification",
  listDueChannels: "list due channels",
  listNotifications: "list notifications",
  removeNotifications: "remove notifications",
  replay: "replay a kept write",
  failDeadRun: "end a dead run",
  listScheduleMarks: "list the marks of schedules",
  saveScheduleMarks: "save the marks of schedules",
  claimSlots: "claim slots",
  updateSlot: "update a slot",
  takeOverSlot: "take over a slot",
  listSlots: "list slots",
  deleteSlotsBefore: "delete old slots",
  openAlert: "open an alert",
  resolveAlert: "resolve an alert",
  listAlerts: "list alerts",
  listNewestSuccesses: "list the newest successes",
};

export function createSqlStateStore(engine: StateEngine, now: () => number = Date.now): StateStore {
  const translated = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw engine.translate(error, action);
    }
  };
  return {
    ...translateAll(
      {
        ...createRunStore(engine),
        ...createBackupStore(engine),
        ...createOutboxStore(engine),
        ...createScheduleStore(engine),
        ...createAlertStore(engine),
        ...createRecoveryStore(engine, now),
      },
      translated,
    ),
    location: engine.location,
    migrate: () =>
      translated("migrate the schema", async () => ({
        applied: await migrate(engine, now),
        current: migrations.at(-1)?.name ?? "",
      })),
    listMigrations: () =>
      translated("list migrations", async () => {
        const applied = await readApplied(engine);
        return migrations.map(({ name }) => ({ name, appliedAt: applied.get(name) ?? null }));
      }),
    async [Symbol.asyncDispose]() {
      await engine.db.destroy();
    },
  };
}

type Calls = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

function translateAll<C extends { readonly [K in keyof C]: (...args: never[]) => Promise<unknown> }>(
  calls: C,
  translated: <T>(action: string, work: () => Promise<T>) => Promise<T>,
): C {
  const entries = Object.entries(calls as Calls).map(([name, call]) => [
    name,
    (...args: never[]) => translated(actions[name] ?? name, () => call(...args)),
  ]);
  return Object.fromEntries(entries) as C;
}
