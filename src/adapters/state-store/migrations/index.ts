// All migrations in order. A released one is never edited; the next one gets the next number.

import type { Kysely } from "kysely";
import { createRunsAndBackups } from "./0001-runs-and-backups.ts";
import { createBackupLogView } from "./0002-backup-log-view.ts";
import { createOutbox } from "./0003-outbox.ts";
import { createSchedulesAndAlerts } from "./0004-schedules-and-alerts.ts";
import { createReplayedEntries } from "./0005-recovery.ts";
import { readRepositoryFacts } from "./0006-repository-facts.ts";
import { keepLastStage } from "./0007-last-stage.ts";

export interface Migration {
  readonly name: string;
  up(db: Kysely<any>, engine: "sqlite" | "postgres"): Promise<void>;
}

export const migrations: readonly Migration[] = [
  { name: "0001-runs-and-backups", up: createRunsAndBackups },
  { name: "0002-backup-log-view", up: createBackupLogView },
  { name: "0003-outbox", up: createOutbox },
  { name: "0004-schedules-and-alerts", up: createSchedulesAndAlerts },
  { name: "0005-recovery", up: createReplayedEntries },
  { name: "0006-repository-facts", up: readRepositoryFacts },
  { name: "0007-last-stage", up: keepLastStage },
];
