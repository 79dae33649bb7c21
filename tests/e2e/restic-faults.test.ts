// What goes wrong around a repository: each fault has a name, leaves what was there before, and nothing half done.

import { describe, expect } from "bun:test";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { listLocks } from "../support/foreign-restic.ts";
import { startHookReceiver } from "../support/hook-receiver.ts";
import type { BackupsJson, RunsJson } from "../support/world.ts";
import {
  openResticWorld,
  resticPassword,
  resticPoints,
  testWithRestic,
  type ResticWorld,
} from "../support/restic-world.ts";

const limitMs = 120_000;

/** Dumps and manifests that wait for a repository, or were left. */
async function stagedFiles(world: ResticWorld): Promise<readonly string[]> {
  const names = await readdir(join(world.dir, "base", "shop")).catch(() => []);
  return names.filter((name) => name.startsWith("shop_"));
}

describe("a repository that cannot take the backup", () => {
  testWithRestic(
    "because nobody made it: nothing is dumped, and the hint says how to make it",
    async () => {
      await using world = await openResticWorld({ isMade: false });
      const failed = await world.run("run", "shop", "--json");
      expect(failed.exitCode).toBe(4);
      const { runs } = JSON.parse(failed.stdout) as RunsJson;
      expect(runs).toMatchObject([
        { status: "failed", bytes: 0, error: { code: "repository_not_found", stage: "sync" } },
      ]);
      expect(runs[0]!.error!.hint).toContain("backupctl restic");
      expect(await stagedFiles(world)).toEqual([]);
      const dry = await world.run("run", "shop", "--dry-run");
      expect(dry.exitCode).toBe(4);
      expect(dry.stdout).toContain("FAIL storage shop-restic");
    },
    limitMs,
  );

  testWithRestic(
    "because the password is wrong: its name is told, the password is not",
    async () => {
      await using world = await openResticWorld();
      const env = { RESTIC_SECRET: "canary-wrong-77b1-password" };
      const failed = await world.runFromSource(env, "run", "shop", "--json");
      expect(failed.exitCode).toBe(4);
      expect((JSON.parse(failed.stdout) as RunsJson).runs[0]!.error).toMatchObject({ code: "storage_auth_failed" });
      for (const secret of [env.RESTIC_SECRET, resticPassword])
        expect(failed.stdout + failed.stderr).not.toContain(secret);
      expect(await stagedFiles(world)).toEqual([]);
      expect(await world.snapshots()).toEqual([]);
    },
    limitMs,
  );

  testWithRestic(
    "because it is gone: the archive storage still does, the run is partial, and nothing is pruned",
    async () => {
      await using world = await openResticWorld({ archives: ["disk"], project: { retention: { keep_last: 1 } } });
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      await rename(world.repositoryPath, `${world.repositoryPath}.away`);
      await Bun.sleep(1_050);
      const partial = await world.run("run", "shop", "--json");
      expect(partial.exitCode).toBe(5);
      expect((JSON.parse(partial.stdout) as RunsJson).runs).toMatchObject([{ status: "succeeded", partial: true }]);
      await rename(`${world.repositoryPath}.away`, world.repositoryPath);
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups.map(({ storages }) => storages)).toEqual([["disk"], ["shop-restic"]]);
    },
    limitMs,
  );

  testWithRestic(
    "a missing path is named, and no pattern of assets touches the dump",
    async () => {
      await using world = await openResticWorld();
      await world.configure({
        storages: [],
        project: {
          storage: undefined,
          encryption: undefined,
          restic: { repository: world.repositoryPath, password: "${RESTIC_SECRET}" },
          assets: {
            paths: [world.uploadsPath, join(world.dir, "missing")],
            exclude: ["*.manifest.json", "*.sqlite", "*.log"],
          },
        },
        file: { storage: undefined },
      });
      await writeFile(join(world.uploadsPath, "noise.log"), "x");
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs[0]).toMatchObject({
        status: "succeeded",
        warnings: [`asset path is missing: ${join(world.dir, "missing")}`],
      });
      // The patterns would fit the dump and the manifest too: they speak of the asset paths alone.
      const listed = await world.restic("ls", "latest");
      expect(listed).toContain(".sqlite");
      expect(listed).toContain(".manifest.json");
      expect(listed).not.toContain("noise.log");
    },
    limitMs,
  );
});

describe.concurrent("killed in the middle of a backup to a repository", () => {
  for (const point of resticPoints) {
    const mode = point.startsWith("sync.") ? "separate" : "combined";
    testWithRestic(
      `in mode ${mode} at ${point}: what is listed is whole, and the next run succeeds`,
      async () => {
        await using receiver = startHookReceiver("canary-recovery-hook");
        const channel = { type: "webhook", on: ["failure"], config: { url: receiver.url } };
        await using world = await openResticWorld({
          mode,
          project: { retention: { keep_last: 1 }, notification: channel },
        });
        const first = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
        await Bun.sleep(1_050);
        const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: point }, "run", "shop");
        expect(killed.signal).toBe("SIGKILL");
        const { backups } = await world.json<BackupsJson>("snapshots", "shop");
        expect(backups.length).toBeGreaterThan(0);
        if (!point.startsWith("prune.")) expect(backups.some(({ id }) => id === first)).toBe(true);
        for (const { id } of backups) {
          expect(await world.run("verify", "shop", id, "--level", "checksum")).toMatchObject({ exitCode: 0 });
        }
        await Bun.sleep(1_050);
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
        expect(receiver.accepted.map(({ event }) => event)).toEqual(["backup_failed"]);
        expect(listLocks(world.repositoryPath)).toEqual([]);
        expect(await readdir(join(world.dir, "base", ".tmp")).catch(() => [])).toEqual([]);
      },
      limitMs,
    );
  }
});

testWithRestic(
  "a cancel in the middle of the sync leaves no snapshot, no lock and no dump",
  async () => {
    await using world = await openResticWorld();
    await writeFile(join(world.uploadsPath, "large.bin"), randomBytes(20_000_000));
    const child = Bun.spawn([binaryPath, "run", "shop", "--limit-upload", "500"], {
      cwd: world.dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: world.dir, ...world.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const isSyncing = async (): Promise<boolean> => (await readdir(join(world.repositoryPath, "locks"))).length > 0;
    for (let tries = 0; tries < 300 && !(await isSyncing()); tries++) await Bun.sleep(50);
    await Bun.sleep(500);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await world.snapshots()).toEqual([]);
    expect(await readdir(join(world.repositoryPath, "locks"))).toEqual([]);
    expect(await stagedFiles(world)).toEqual([]);
  },
  limitMs,
);

testWithRestic(
  "no password is in anything that a run writes",
  async () => {
    await using world = await openResticWorld({ archives: ["disk"] });
    const done = await world.run("run", "shop", "--verbose");
    expect(done.exitCode).toBe(0);
    expect(done.stdout + done.stderr).not.toContain(resticPassword);
    for (const place of ["base", "stores"]) {
      const entries = await readdir(join(world.dir, place), { recursive: true, withFileTypes: true });
      for (const entry of entries.filter((found) => found.isFile())) {
        const content = await readFile(join(entry.parentPath, entry.name));
        expect([entry.name, content.includes(resticPassword)]).toEqual([entry.name, false]);
      }
    }
  },
  limitMs,
);

testWithRestic(
  "a disk that is too small for the dump is told before anything is written",
  async () => {
    await using world = await openResticWorld({ env: { HEALTH_DISK_MIN_FREE_GB: "900000" } });
    const failed = await world.run("run", "shop", "--json");
    expect(failed.exitCode).toBe(1);
    expect((JSON.parse(failed.stdout) as RunsJson).runs[0]!.error).toMatchObject({ code: "disk_full", stage: "dump" });
    expect(await stagedFiles(world)).toEqual([]);
    expect(await world.snapshots()).toEqual([]);
  },
  limitMs,
);

testWithRestic(
  "data that is damaged or lost in the repository fails verification, and the result is kept with the backup",
  async () => {
    await using world = await openResticWorld();
    await writeFile(join(world.uploadsPath, "large.bin"), randomBytes(3_000_000));
    await world.json<RunsJson>("run", "shop");
    const data = join(world.repositoryPath, "data");
    const packs = (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const sized = packs
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ path, size: Bun.file(path).size }));
    const { path } = sized.toSorted((a, b) => b.size - a.size)[0]!;
    const whole = await readFile(path);
    const damaged = Buffer.from(whole);
    damaged.fill(0, 300_000, 300_010);
    await rm(path, { force: true });
    await writeFile(path, damaged);
    const failed = await world.run("verify", "shop", "latest", "--level", "checksum", "--json");
    expect(failed.exitCode).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({
      runs: [{ error: { code: "verify_failed" }, verifications: [{ passed: false }] }],
    });
    expect((await world.snapshots())[0]!.tags).toContainEqual(expect.stringMatching(/^failed:checksum:\d+$/));
    await rm(path);
    expect(await world.run("verify", "shop", "latest", "--level", "checksum")).toMatchObject({ exitCode: 1 });
    expect(await world.run("storage", "check", "shop-restic")).toMatchObject({ exitCode: 1 });
    await writeFile(path, whole);
    expect(await world.run("verify", "shop", "latest", "--level", "checksum")).toMatchObject({ exitCode: 0 });
    expect(await world.run("storage", "check", "shop-restic")).toMatchObject({ exitCode: 0 });
  },
  limitMs,
);
