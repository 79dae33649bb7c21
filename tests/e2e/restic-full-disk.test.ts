// A disk that fills up in the middle: nothing half done counts as a backup, and the next run heals what is left.

import { Database } from "bun:sqlite";
import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { until } from "../support/daemon-process.ts";
import { listLocks } from "../support/foreign-restic.ts";
import { needs } from "../support/requirement.ts";
import { openResticWorld, type ResticWorld } from "../support/restic-world.ts";
import { mountSmallDisk } from "../support/small-disk.ts";
import { findTool, toolPath } from "../support/tools.ts";
import type { BackupsJson, RunsJson } from "../support/world.ts";

const limitMs = 120_000;
const test = needs("root", "mount", "fallocate", binaryPath, findTool("restic") ?? toolPath("restic"));
const megabyte = 1_000_000;

async function projectFiles(world: ResticWorld): Promise<readonly string[]> {
  return (await readdir(join(world.dir, "base", "shop")).catch(() => [])).filter((name) => name !== ".lock");
}

async function backupsOf(world: ResticWorld): Promise<BackupsJson["backups"]> {
  return (await world.json<BackupsJson>("snapshots", "shop")).backups;
}

describe.concurrent("a disk that fills up", () => {
  test(
    "with the dump fails the run, leaves no dump and no snapshot, and the next run succeeds",
    async () => {
      await using world = await openResticWorld();
      const project = join(world.dir, "base", "shop");
      await using _disk = mountSmallDisk(project, 100 * megabyte);
      {
        using database = new Database(world.databasePath);
        database.run("CREATE TABLE large(content BLOB)");
        database.run(
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO large SELECT randomblob(1000000) FROM n",
        );
      }
      // Enough room when the run looks; somebody else takes it as soon as the dump has begun.
      const running = world.run("run", "shop", "--json");
      await until(async () => (await projectFiles(world)).length > 0, 30_000);
      const filler = join(project, "of somebody else");
      while (spawnSync("fallocate", ["-l", String(50 * megabyte), filler]).status !== 0) await Bun.sleep(1);
      const failed = await running;
      expect(failed.exitCode).toBe(1);
      const { runs } = JSON.parse(failed.stdout) as RunsJson;
      expect(runs).toMatchObject([{ status: "failed", error: { code: "disk_full", stage: "dump" } }]);
      expect(await projectFiles(world)).toEqual(["of somebody else"]);
      expect(await backupsOf(world)).toEqual([]);
      expect(await world.snapshots()).toEqual([]);
      await rm(filler);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      expect(await world.run("verify", "shop", "latest", "--level", "checksum")).toMatchObject({ exitCode: 0 });
    },
    limitMs,
  );

  test(
    "with the repository fails the run or makes it partial, and the next run heals the repository",
    async () => {
      await using world = await openResticWorld({ isMade: false });
      await using disk = mountSmallDisk(world.repositoryPath, 6 * megabyte);
      await using made = await openResticWorld({ repository: world.repositoryPath, archives: ["disk"] });
      expect(await made.run("run", "shop")).toMatchObject({ exitCode: 0 });
      await writeFile(join(made.uploadsPath, "large.bin"), randomBytes(25 * megabyte));
      await Bun.sleep(1_050);
      const partial = await made.run("run", "shop", "--json");
      expect(partial.exitCode).toBe(5);
      const { runs } = JSON.parse(partial.stdout) as RunsJson;
      expect(runs).toMatchObject([{ status: "succeeded", partial: true }]);
      expect(runs[0]!.warnings.join("\n")).toMatch(/shop-restic.*no space left on device/);
      expect((await backupsOf(made)).map(({ storages }) => storages)).toEqual([["disk"], ["disk", "shop-restic"]]);
      expect((await made.snapshots()).length).toBe(1);
      expect(listLocks(world.repositoryPath)).toEqual([]);

      disk.resize(80 * megabyte);
      await Bun.sleep(1_050);
      expect(await made.run("run", "shop")).toMatchObject({ exitCode: 0 });
      expect((await made.snapshots()).length).toBe(2);
      for (const { id } of (await backupsOf(made)).filter(({ storages }) => storages.includes("shop-restic"))) {
        const args = ["verify", "shop", id, "--level", "checksum", "--storage", "shop-restic"];
        expect(await made.run(...args)).toMatchObject({ exitCode: 0 });
      }
      expect(await made.run("storage", "check", "shop-restic")).toMatchObject({ exitCode: 0 });
    },
    limitMs,
  );
});
