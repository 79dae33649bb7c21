// One repository for several projects, machines and other programs: each sees and removes its own snapshots alone, also
// when the daemon does it by itself.

import { describe, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pretendAway, readSlots, startDaemon, until } from "../support/daemon-process.ts";
import { listLocks } from "../support/foreign-restic.ts";
import { openResticWorld, testWithRestic, type ResticWorld } from "../support/restic-world.ts";
import type { BackupsJson, RunsJson } from "../support/world.ts";

const limitMs = 120_000;
const minuteMs = 60_000;

async function backupsOf(world: ResticWorld, project: string): Promise<readonly string[]> {
  return (await world.json<BackupsJson>("snapshots", project)).backups.map(({ id }) => id);
}

/** Of others: another machine's with our tags, another program's with the same path, and with names that begin alike. */
async function addForeignSnapshots(world: ResticWorld): Promise<readonly string[]> {
  const before = new Set((await world.snapshots()).map(({ id }) => id));
  const foreign: readonly (readonly string[])[] = [
    ["--host", "elsewhere", "--tag", "backupctl:combined,project:app,backup:aaaaaaaa,type:manual"],
    ["--tag", "app"],
    ["--tag", "project:ap"],
    ["--tag", "project:app2"],
    [],
  ];
  for (const args of foreign) await world.restic("backup", "-q", ...args, world.uploadsPath);
  return (await world.snapshots()).map(({ id }) => id).filter((id) => !before.has(id));
}

describe.concurrent("a repository that is shared", () => {
  testWithRestic(
    "keeps apart projects whose names begin alike, other machines and other programs",
    async () => {
      await using world = await openResticWorld();
      const restic = { repository: world.repositoryPath, password: "${RESTIC_SECRET}" };
      const common = { assets: { paths: [world.uploadsPath] }, retention: { keep_last: 1 }, storage: ["vault"] };
      await world.configure({
        file: {
          storage: [{ name: "vault", type: "restic", restic }],
          projects: [
            { name: "app", database: { type: "sqlite", path: world.databasePath }, ...common },
            { name: "app-2", ...common },
          ],
        },
      });
      const foreign = await addForeignSnapshots(world);
      expect(foreign.length).toBe(5);
      const made: Record<string, string> = {};
      for (const name of ["app", "app-2", "app-2", "app", "app"]) {
        const { runs } = await world.json<RunsJson>("run", name);
        expect(runs).toMatchObject([{ status: "succeeded", warnings: [] }]);
        made[name] = runs[0]!.backupId!;
        await Bun.sleep(1_050);
      }
      expect(await backupsOf(world, "app")).toEqual([made["app"]!]);
      expect(await backupsOf(world, "app-2")).toEqual([made["app-2"]!]);
      for (const name of ["app", "app-2"]) expect(await world.run("prune", name)).toMatchObject({ exitCode: 0 });
      const left = await world.snapshots();
      expect(foreign.filter((id) => !left.some((snapshot) => snapshot.id === id))).toEqual([]);
      expect(left.length).toBe(foreign.length + 2);
      for (const name of ["app", "app-2"]) {
        const target = join(world.dir, `out-${name}`);
        expect(await world.run("restore", name, "latest", target)).toMatchObject({ exitCode: 0 });
      }
      await world.restic("check", "--read-data");
    },
    limitMs,
  );

  testWithRestic(
    "is checked, thinned out and freed by the daemon on schedule, and nothing of others goes",
    async () => {
      await using world = await openResticWorld();
      const configure = (more: Readonly<Record<string, unknown>>) =>
        world.configure({
          project: {
            name: "app",
            storage: undefined,
            encryption: undefined,
            retention: undefined,
            restic: { repository: world.repositoryPath, password: "${RESTIC_SECRET}" },
            ...more,
          },
          file: { storage: undefined },
        });
      await configure({});
      const foreign = await addForeignSnapshots(world);
      for (let n = 0; n < 3; n++) {
        await writeFile(join(world.uploadsPath, "changing.bin"), randomBytes(2_000_000));
        expect(await world.run("run", "app")).toMatchObject({ exitCode: 0 });
        await Bun.sleep(1_050);
      }
      const made = await backupsOf(world, "app");
      expect(made.length).toBe(3);
      // What lies there, whether or not a snapshot needs it.
      const sizeOf = async (): Promise<number> => {
        const entries = await readdir(join(world.repositoryPath, "data"), { recursive: true, withFileTypes: true });
        const files = entries.filter((entry) => entry.isFile());
        return files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
      };
      const before = await sizeOf();

      const kinds = ["check", "forget", "prune"] as const;
      const schedules = kinds.map((kind) => ({ name: `the-${kind}`, kind, cron: "* * * * *" }));
      await configure({ retention: { keep_last: 1 }, schedules });
      {
        await using first = await startDaemon(world);
        first.kill("SIGKILL");
        await first.exited;
      }
      pretendAway(world, 3 * minuteMs);
      await using daemon = await startDaemon(world);
      const outcomes = () =>
        kinds.map((kind) => readSlots(world).find((slot) => slot.schedule === `the-${kind}` && slot.outcome !== null));
      await until(
        () => outcomes().every((slot) => slot !== undefined),
        60_000,
        () => daemon.output,
      );
      expect(outcomes().map((slot) => slot!.outcome)).toEqual(["succeeded", "succeeded", "succeeded"]);
      daemon.kill("SIGTERM");
      expect(await daemon.exited).toBe(0);
      expect(await backupsOf(world, "app")).toEqual([made[0]!]);
      const left = await world.snapshots();
      expect(foreign.filter((id) => !left.some((snapshot) => snapshot.id === id))).toEqual([]);
      expect(left.length).toBe(foreign.length + 1);
      expect(await sizeOf()).toBeLessThan(before - 3_000_000);
      expect(listLocks(world.repositoryPath)).toEqual([]);
      await world.restic("check", "--read-data");
    },
    limitMs,
  );
});
