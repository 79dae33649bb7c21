// A manifest with every field, for tests.

import type { Manifest } from "../../src/domain/backup/manifest.ts";

export const stem = "shop/2026/11/shop_daily_20261121_021500_k3v9q2xa";
export const manifest: Manifest = {
  format: "backupctl-manifest",
  formatVersion: 1,
  backupId: "k3v9q2xa",
  runId: "run-1",
  project: "shop",
  type: "daily",
  schedule: { name: "nightly", ownRetention: false },
  stem,
  timeZone: "Europe/Berlin",
  startedAt: "2026-11-21T01:15:00.000Z",
  finishedAt: "2026-11-21T01:16:00Z",
  host: { name: "db1", platform: "linux-x64" },
  program: { name: "backupctl", version: "0.1.0" },
  sources: [
    {
      name: "database",
      type: "postgres",
      object: 'shop "ü" 🙂',
      serverVersion: "17.2",
      toolVersion: null,
      consistencyPoint: { at: "2026-11-21T01:15:01Z", token: null },
      rowCounts: { method: "snapshot", tables: [{ schema: "public", table: "orders", rows: 12 }] },
      warnings: ["one"],
      facts: { collation: "C", encoding: "UTF8", paths: ["/a", "/b"], size: 1.5, wal: true },
    },
  ],
  parts: [
    {
      name: "database",
      source: "database",
      format: "dump",
      key: `${stem}.dump.zst.enc`,
      plainBytes: 1000,
      compressedBytes: 500,
      storedBytes: 700,
      plainSha256: "a".repeat(64),
      storedSha256: "0123456789abcdef".repeat(4),
      compression: { algorithm: "zstd", level: 3 },
      encryption: { scheme: "aes-256-gcm", keyId: "e9f80f9f0c26d95a" },
    },
  ],
  warnings: [],
  mac: null,
};
