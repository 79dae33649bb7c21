// Records for tests of the state store: complete, with what a test does not care about filled in.

import type { Backup, Verification } from "../domain/backup/backup.ts";
import type { Run } from "../domain/run/run.ts";

export function makeRun(id: string, more: Partial<Run> = {}): Run {
  return {
    id,
    project: "shop",
    kind: "backup",
    status: "running",
    partial: false,
    trigger: "manual",
    stage: null,
    backupId: null,
    owner: { host: "host", bootId: "boot", pid: 42, startTicks: "12345678901234567890" },
    createdAt: 1_700_000_000_000,
    startedAt: null,
    finishedAt: null,
    heartbeatAt: 1_700_000_000_000,
    bytes: 0,
    retryCount: 0,
    warnings: [],
    error: null,
    result: {},
    ...more,
  };
}

export function makeBackup(id: string, more: Partial<Backup> = {}): Backup {
  return {
    id,
    project: "shop",
    type: "daily",
    schedule: null,
    engine: "postgres",
    stem: `shop/2026/01/shop_daily_20260101_020000_${id}`,
    createdAt: 1_700_000_000_000,
    finishedAt: 1_700_000_060_000,
    sizeBytes: 1_234,
    storages: ["local", "offsite"],
    pinned: false,
    verification: null,
    encryption: "aes-256-gcm",
    warnings: [],
    ...more,
  };
}

export function makeVerification(at: number, more: Partial<Verification> = {}): Verification {
  return { level: "structure", passed: true, at, storage: "local", message: null, restoreMs: null, ...more };
}
