// Locks of others in a repository: a live one is waited for and told of, none is ever removed, and our own dead ones are.

import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { until } from "../support/daemon-process.ts";
import { holdForeignLock, listLocks } from "../support/foreign-restic.ts";
import { childrenOf } from "../support/children-of.ts";
import { startHookReceiver } from "../support/hook-receiver.ts";
import { needs } from "../support/requirement.ts";
import { openResticWorld, resticPassword, testWithRestic, type ResticWorld } from "../support/restic-world.ts";
import { findTool, toolPath } from "../support/tools.ts";
import type { BackupsJson, RunsJson } from "../support/world.ts";

const limitMs = 120_000;
const testAsRoot = needs("root", "unshare", binaryPath, findTool("restic") ?? toolPath("restic"));

/** The lock is waited for this long. */
async function openLockWorld(waitMinutes: number, more: Readonly<Record<string, unknown>> = {}): Promise<ResticWorld> {
  const world = await openResticWorld();
  await world.configure({
    project: {
      storage: undefined,
      encryption: undefined,
      retention: undefined,
      restic: {
        repository: world.repositoryPath,
        password: "${RESTIC_SECRET}",
        lock_wait_minutes: waitMinutes,
      },
    },
    file: { storage: undefined, ...more },
  });
  return world;
}

async function stagedFiles(world: ResticWorld): Promise<readonly string[]> {
  const names = await readdir(join(world.dir, "base", "shop")).catch(() => []);
  return names.filter((name) => name.startsWith("shop_"));
}

function start(world: ResticWorld, ...args: string[]) {
  const child = Bun.spawn([binaryPath, ...args], {
    cwd: world.dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: world.dir, ...world.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const seen = { stderr: "" };
  const collected = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) seen.stderr += decoder.decode(chunk, { stream: true });
  })();
  return { child, seen, collected };
}

describe.concurrent("somebody else's lock", () => {
  testWithRestic(
    "is waited for while its holder lives, who is named, and then the backup goes on",
    async () => {
      await using world = await openLockWorld(1);
      await using foreign = await holdForeignLock(world.repositoryPath, ["check"], { home: world.dir });
      const { child, seen, collected } = start(world, "run", "shop");
      const holder = `is locked by pid ${foreign.pid} on ${hostname()} (`;
      await until(
        () => seen.stderr.includes(holder),
        30_000,
        () => seen.stderr,
      );
      expect(seen.stderr).toContain("else waited for, up to 60 s");
      await Bun.sleep(500);
      expect(child.exitCode).toBeNull();
      expect(listLocks(world.repositoryPath)).toContain(foreign.lock);
      expect(await foreign.finish()).toBe(0);
      expect(await child.exited).toBe(0);
      await collected;
      expect((await world.snapshots()).length).toBe(1);
      expect(listLocks(world.repositoryPath)).toEqual([]);
    },
    limitMs,
  );

  testWithRestic(
    "of a backup holds up no backup, but what has to be alone",
    async () => {
      await using world = await openLockWorld(0.05);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const args = ["backup", "-q", world.uploadsPath];
      await using foreign = await holdForeignLock(world.repositoryPath, args, { home: world.dir });
      await Bun.sleep(1_050);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const checked = await world.run("storage", "check", "shop-restic");
      expect(checked.exitCode).not.toBe(0);
      expect(checked.stdout + checked.stderr).toContain(`is locked by pid ${foreign.pid} on`);
      expect(listLocks(world.repositoryPath)).toEqual([foreign.lock]);
      expect(await foreign.finish()).toBe(0);
      expect(await world.run("storage", "check", "shop-restic")).toMatchObject({ exitCode: 0 });
      expect((await world.snapshots()).length).toBe(3);
    },
    limitMs,
  );

  testAsRoot(
    "of a machine that is gone ends the run after the limit, is named, and stays",
    async () => {
      await using world = await openLockWorld(0.05);
      const options = { home: world.dir, host: "elsewhere" };
      const foreign = await holdForeignLock(world.repositoryPath, ["check"], options);
      await foreign.kill();
      const failed = await world.run("run", "shop", "--json");
      expect(failed.exitCode).not.toBe(0);
      const { runs } = JSON.parse(failed.stdout) as RunsJson;
      expect(runs).toMatchObject([{ status: "failed", backupId: null, error: { code: "lock_held", stage: "sync" } }]);
      expect(runs[0]!.error!.message).toMatch(
        new RegExp(`is locked by pid ${foreign.pid} on elsewhere \\(root, since .*\\); 3 s of waiting did not help$`),
      );
      expect(runs[0]!.error!.hint).toContain("lock_wait_minutes");
      expect(listLocks(world.repositoryPath)).toEqual([foreign.lock]);
      expect(await stagedFiles(world)).toEqual([]);
      await rm(join(world.repositoryPath, "locks", foreign.lock), { force: true });
      expect(await world.snapshots()).toEqual([]);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
    },
    limitMs,
  );

  testAsRoot(
    "and snapshots survive our death in the middle of a sync, our own lock and dump do not, and it is told once",
    async () => {
      await using receiver = startHookReceiver("canary-recovery-hook");
      await using world = await openLockWorld(0.05, {
        notifications: [{ type: "webhook", on: ["failure"], config: { url: receiver.url } }],
      });
      await world.restic("backup", "-q", "--host", "elsewhere", "--tag", "project:shop", world.uploadsPath);
      await world.restic("backup", "-q", "--tag", "third-party", world.uploadsPath);
      const theirs = (await world.snapshots()).map(({ id }) => id);
      const args = ["backup", "-q", world.uploadsPath];
      const options = { home: world.dir, host: "elsewhere" };
      await using foreign = await holdForeignLock(world.repositoryPath, args, options);
      await writeFile(join(world.uploadsPath, "large.bin"), randomBytes(20_000_000));
      const { child, collected } = start(world, "run", "shop", "--limit-upload", "500");
      const isSyncing = async () =>
        (await stagedFiles(world)).some((name) => name.endsWith(".manifest.json")) &&
        listLocks(world.repositoryPath).length === 2;
      await until(isSyncing, 30_000);
      await Bun.sleep(300);
      const resticPid = childrenOf(child.pid).at(-1)!;
      child.kill("SIGKILL");
      await child.exited;
      await collected;
      // restic dies with us, and has no chance to remove its lock; until init has taken it away it counts as alive.
      await until(() => !existsSync(`/proc/${resticPid}`), 30_000);
      expect(listLocks(world.repositoryPath).length).toBe(2);
      expect((await stagedFiles(world)).length).toBeGreaterThan(0);
      expect(receiver.accepted).toEqual([]);

      const next = await world.run("run", "shop");
      expect(next).toMatchObject({ exitCode: 0 });
      expect(next.stderr).toContain("marked failed");
      expect(listLocks(world.repositoryPath)).toEqual([foreign.lock]);
      expect(receiver.accepted.map(({ event }) => event)).toEqual(["backup_failed"]);
      expect(JSON.stringify(receiver.accepted[0]!.body)).toContain("crash_recovery");
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups.length).toBe(1);
      expect((await stagedFiles(world)).every((name) => name.includes(backups[0]!.id))).toBe(true);
      expect(await readdir(join(world.dir, "base", ".tmp")).catch(() => [])).toEqual([]);
      expect((await world.snapshots()).map(({ id }) => id).filter((id) => theirs.includes(id))).toEqual(theirs);
      expect(await foreign.finish()).toBe(0);
      expect(await world.run("verify", "shop", "latest", "--level", "checksum")).toMatchObject({ exitCode: 0 });
      expect(next.stdout + next.stderr).not.toContain(resticPassword);
      expect(receiver.accepted.length).toBe(1);
    },
    limitMs,
  );
});
