import { expect, test } from "bun:test";
import { findBackupsInsideAssets } from "./backups-inside-assets.ts";

const files = (paths: string[], exclude: string[] = []) => [
  { name: "assets", type: "files", settings: { paths, exclude } },
];
const disk = (path: string) => [{ name: "disk", type: "local", isDefault: false, settings: { path } }];

test("a storage or the base directory below an asset path is found", () => {
  expect(findBackupsInsideAssets(files(["/data"]), disk("/mnt/backups"), "/data/backups")).toEqual([
    { assetPath: "/data", storagePath: "/data/backups" },
  ]);
  expect(findBackupsInsideAssets(files(["/data/"]), disk("/data"), "/base")).toHaveLength(1);
});

test("paths that only look alike, and excluded ones, are not", () => {
  expect(findBackupsInsideAssets(files(["/data/up"]), disk("/data/uploads"), "/data/updates")).toEqual([]);
  expect(findBackupsInsideAssets(files(["/data"], ["/data/backups/**"]), [], "/data/backups")).toEqual([]);
  expect(findBackupsInsideAssets(files(["/data"], ["/data/backups"]), [], "/data/backups/shop")).toEqual([]);
  expect(findBackupsInsideAssets(files(["/data"], ["*.tmp"]), [], "/data/backups")).toHaveLength(1);
});

test("databases and remote storages have no such paths", () => {
  const sources = [{ name: "database", type: "postgres", settings: { name: "shop" } }];
  const remote = [{ name: "s3", type: "s3", isDefault: false, settings: { bucket: "b" } }];
  expect(findBackupsInsideAssets(sources, remote, "/data/backups")).toEqual([]);
});
