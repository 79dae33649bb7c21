import { describe, expect, test } from "bun:test";
import type { Run } from "../run/run.ts";
import { describeDay } from "./describe-day.ts";
import {
  describeEnd,
  describeFailedDrill,
  describeLateRun,
  describeStart,
  describeWarnings,
  type RunSurroundings,
} from "./describe-run.ts";

const berlin = "Europe/Berlin";
const midnight = Date.UTC(2026, 2, 17, 23, 0, 0);
const around: RunSurroundings = {
  timeZone: berlin,
  retryCount: 3,
  database: "locaboo_db",
  isEncrypted: true,
  isVerified: true,
  usesRestic: true,
};
const plain: RunSurroundings = { ...around, usesRestic: false, isEncrypted: false, isVerified: false };

function makeRun(more: Partial<Run> = {}): Run {
  return {
    id: "uuid",
    project: "locaboo",
    kind: "backup",
    status: "succeeded",
    partial: false,
    trigger: "default",
    stage: null,
    backupId: "k3f9x2ab",
    owner: { host: "h", bootId: "b", pid: 1, startTicks: "1" },
    createdAt: midnight,
    startedAt: midnight,
    finishedAt: midnight + 192_000,
    heartbeatAt: midnight,
    bytes: 0,
    retryCount: 0,
    warnings: [],
    error: null,
    result: {},
    ...more,
  };
}

const resticResult = {
  snapshotId: "a1b2c3d4e5f6a7b8",
  snapshotMode: "combined",
  filesNew: 12,
  filesChanged: 3,
  bytesAdded: 52_000_000,
  pruneSnapshotsRemoved: 2,
  localFilesCleaned: 1,
  dumpSizeBytes: 245_000_000,
  encrypted: true,
  verified: true,
};

const failure = {
  code: "storage_unreachable",
  stage: "sync",
  message: "connection timeout to storage box",
  hint: null,
} as const;

describe("the texts of section 13", () => {
  test("13.1 a start, with the abbreviation of the time zone", () => {
    const kolkata = { ...around, timeZone: "Asia/Kolkata" };
    const startedAt = Date.UTC(2026, 2, 17, 18, 30);
    const run = makeRun({ status: "running", startedAt, finishedAt: null });
    expect(describeStart(run, kolkata)?.text).toBe("🔄 Backup started — locaboo\nTime: 2026-03-18 00:00:00 IST");
  });

  test.each([
    [berlin, midnight, "2026-03-18 00:00:00 CET"],
    [berlin, Date.UTC(2026, 6, 1), "2026-07-01 02:00:00 CEST"],
    ["UTC", 0, "1970-01-01 00:00:00 UTC"],
    ["America/New_York", midnight, "2026-03-17 19:00:00 EDT"],
    ["Europe/London", Date.UTC(2026, 6, 1), "2026-07-01 01:00:00 BST"],
    ["Asia/Tokyo", midnight, "2026-03-18 08:00:00 JST"],
    ["Asia/Singapore", midnight, "2026-03-18 07:00:00 GMT+8"],
  ])("a start in %s names its zone", (timeZone, startedAt, time) => {
    const text = describeStart(makeRun({ startedAt }), { ...around, timeZone })?.text;
    expect(text).toBe(`🔄 Backup started — locaboo\nTime: ${time}`);
  });

  const success = [
    "✅ Backup completed — locaboo",
    "DB: locaboo_db | Dump: 245 MB | Encrypted: Yes | Verified: Yes",
    "Snapshot: a1b2c3d4 | Mode: combined",
    "New files: 12 | Changed: 3 | Added: 52 MB",
    "Pruned: 2 snapshots | Local cleaned: 1 file",
    "Duration: 3m 12s",
  ].join("\n");

  test("13.2 a success", () => {
    expect(describeEnd(makeRun({ result: resticResult }), around)?.text).toBe(success);
  });

  test("13.3 a failure", () => {
    const run = makeRun({
      status: "failed",
      error: failure,
      retryCount: 3,
      finishedAt: midnight + 342_000,
      result: { dumpFile: "/data/backups/locaboo/backup_2026-03-18_000000.sql.gz" },
    });
    expect(describeEnd(run, around)?.text).toBe(
      [
        "❌ Backup failed — locaboo",
        "Stage: restic sync | Retry: 3/3",
        "Error: connection timeout to storage box",
        "Dump file: /data/backups/locaboo/backup_2026-03-18_000000.sql.gz",
        "Duration: 5m 42s",
      ].join("\n"),
    );
  });

  test("13.4 a backup that takes too long", () => {
    const late = { elapsedMs: 35 * 60_000, thresholdMs: 30 * 60_000, stage: "sync" } as const;
    expect(describeLateRun(makeRun({ status: "running" }), late, around)).toMatchObject({
      event: "backup_warning",
      text: [
        "⚠️ Backup timeout warning — locaboo",
        "Elapsed: 35m | Timeout threshold: 30m",
        "Current stage: restic sync",
        "Backup is still running — this is a warning, not a failure.",
      ].join("\n"),
    });
  });

  test("13.5 the daily summary", () => {
    const projectX = makeRun({
      project: "project-x",
      finishedAt: midnight + 105_000,
      result: { dumpSizeBytes: 128_000_000, snapshotId: "e5f6g7h8" },
    });
    const projectY = makeRun({
      project: "project-y",
      status: "failed",
      error: { ...failure, message: "restic sync timeout" },
    });
    const days = [
      { project: "locaboo", runs: [makeRun({ result: resticResult })] },
      { project: "project-x", runs: [projectX] },
      { project: "project-y", runs: [projectY] },
    ];
    expect(describeDay("id", days, { timeZone: berlin, at: midnight + 8 * 3_600_000 })).toMatchObject({
      event: "daily_summary",
      text: [
        "📊 Daily Backup Summary — 2026-03-18",
        "✅ locaboo — 245 MB — 3m 12s — a1b2c3d4",
        "✅ project-x — 128 MB — 1m 45s — e5f6g7h8",
        "❌ project-y — FAILED — restic sync timeout",
        "Total: 2/3 successful | Next run: per project schedule",
      ].join("\n"),
    });
  });

  test("13.6 the payload: the same text, and the data with the fields of the document", () => {
    const notice = describeEnd(makeRun({ result: { ...resticResult, dumpSizeBytes: 257_949_696 } }), around);
    expect(notice).toMatchObject({ event: "backup_success", project: "locaboo" });
    expect(notice?.text).toBe(success.replace("245 MB", "258 MB"));
    expect(notice?.data).toEqual({
      run_id: "uuid",
      project_name: "locaboo",
      status: "success",
      snapshot_id: "a1b2c3d4",
      dump_size_bytes: 257_949_696,
      encrypted: true,
      verified: true,
      duration_ms: 192_000,
      timestamp: "2026-03-18T00:03:12+01:00",
    });
  });

  test("document 4's payload: db, status, bytes, dest, duration in seconds, and error after a failure", () => {
    const stored = { stem: "shop/2026/03/shop_daily_x", sizeBytes: 1_000, storages: ["local", "offsite"] };
    expect(describeEnd(makeRun({ result: stored }), plain)?.outcome).toEqual({
      db: "locaboo",
      status: "success",
      bytes: 1_000,
      dest: "local:shop/2026/03/shop_daily_x, offsite:shop/2026/03/shop_daily_x",
      duration: 192,
    });
    const restic = { ...resticResult, storages: ["vault"], stem: "x" };
    expect(describeEnd(makeRun({ result: restic }), around)?.outcome?.dest).toBe("vault:a1b2c3d4e5f6a7b8");
    const mixed = { ...restic, storages: ["local", "vault"] };
    expect(describeEnd(makeRun({ result: mixed }), around)?.outcome?.dest).toBe(
      "local:x, vault:x, snapshot:a1b2c3d4e5f6a7b8",
    );
    const failed = describeEnd(makeRun({ status: "cancelled", error: { ...failure, message: "cancelled" } }), plain);
    expect(failed?.outcome).toMatchObject({ status: "failure", dest: "", error: "cancelled" });
  });
});

describe("the same manner where the document has no form", () => {
  const stored = { sizeBytes: 1_234, storages: ["local"], removedBackups: 1, failedStorages: [] };

  test("a backup to archive storages names its id and its storages", () => {
    expect(describeEnd(makeRun({ result: stored }), { ...plain, database: null })?.text).toBe(
      [
        "✅ Backup completed — locaboo",
        "Dump: 1.2 KB | Encrypted: No | Verified: No",
        "Backup: k3f9x2ab | Storages: local",
        "Pruned: 1 backup",
        "Duration: 3m 12s",
      ].join("\n"),
    );
  });

  test("a partial backup names where it is missing", () => {
    const run = makeRun({ partial: true, result: { ...stored, failedStorages: [{ name: "offsite", code: "x" }] } });
    expect(describeEnd(run, plain)?.text).toContain("\nMissing on: offsite\n");
  });

  test("a failure in the source has no restic in its stage, and its message is one line", () => {
    const error = { ...failure, stage: "pre_hook", message: "it said:\n  no\r\nand no" } as const;
    const text = describeEnd(makeRun({ status: "failed", error }), around)?.text;
    expect(text).toContain("\nStage: pre hook | Retry: 0/3\nError: it said: no and no\nDuration: ");
  });

  test("an endless error is cut", () => {
    const error = { ...failure, message: "x".repeat(100_000) };
    const notice = describeEnd(makeRun({ status: "failed", error }), around)!;
    expect(notice.text.length).toBeLessThan(1_200);
    expect(JSON.stringify(notice).length).toBeLessThan(20_000);
  });

  test("warnings are one message, and not an endless one", () => {
    const warnings = Array.from({ length: 13 }, (_, index) => `warning ${index}`);
    const notice = describeWarnings(makeRun({ warnings }), warnings, plain);
    expect(notice?.event).toBe("backup_warning");
    expect(notice?.text.split("\n")).toHaveLength(12);
    expect(notice?.text).toStartWith("⚠️ Backup warning — locaboo\nwarning 0\n");
    expect(notice?.text).toEndWith("\nand 3 more");
    expect(describeWarnings(makeRun(), [], plain)).toBeUndefined();
  });

  test("a drill that failed after the commit is told as a failed verification", () => {
    const run = makeRun({ warnings: ["verify: 3 rows are missing"], result: { verified: false, drill: "failed" } });
    expect(describeFailedDrill(run, plain)).toMatchObject({ event: "verify_failed", subject: "locaboo/verify" });
    expect(describeFailedDrill(run, plain)?.text).toContain("Error: 3 rows are missing");
    expect(describeFailedDrill(makeRun({ result: { verified: false } }), plain)).toBeUndefined();
    expect(describeFailedDrill(makeRun(), plain)).toBeUndefined();
  });

  test("restores say where from and where to", () => {
    const run = makeRun({ kind: "restore", result: { database: { into: "shop_copy" } } });
    expect(describeStart(run, plain)?.event).toBe("restore_started");
    expect(describeEnd(run, plain)).toMatchObject({
      event: "restore_success",
      text: "✅ Restore completed — locaboo\nBackup: k3f9x2ab | Into: shop_copy\nDuration: 3m 12s",
    });
    expect(describeEnd({ ...run, status: "failed", error: { ...failure, stage: "restore" } }, plain)).toMatchObject({
      event: "restore_failed",
      text: "❌ Restore failed — locaboo\nStage: restore\nError: connection timeout to storage box\nDuration: 3m 12s",
    });
  });

  test("of a verification only the failure is told, of a copy nothing", () => {
    const run = makeRun({ kind: "verify", status: "failed", error: { ...failure, stage: "verify" } });
    expect(describeStart(run, plain)).toBeUndefined();
    expect(describeEnd(makeRun({ kind: "verify" }), plain)).toBeUndefined();
    expect(describeEnd(run, plain)).toMatchObject({ event: "verify_failed" });
    expect(describeEnd(makeRun({ kind: "copy", status: "failed", error: failure }), plain)).toBeUndefined();
  });

  test("a summary of several runs, of a partial one and of none", () => {
    const failed = makeRun({ status: "failed", error: failure });
    const days = [
      { project: "a", runs: [makeRun({ partial: true, result: stored }), failed] },
      { project: "b", runs: [] },
    ];
    expect(describeDay("id", days, { timeZone: "UTC", at: midnight }).text.split("\n").slice(1)).toEqual([
      "⚠️ a — 1.2 KB — 3m 12s — k3f9x2ab — 1/2 runs",
      "➖ b — no run",
      "Total: 1/1 successful | Next run: per project schedule",
    ]);
  });
});
