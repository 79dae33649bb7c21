// What a run does when something around it fails: it says what, leaves nothing half done, and never harms what is there.

import { describe, expect } from "bun:test";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath, testWithBinary as test } from "../support/binary.ts";
import { openTestWorld, type BackupsJson, type RunsJson, type World } from "../support/world.ts";

async function start(world: World, ...args: string[]) {
  const child = Bun.spawn([binaryPath, ...args], {
    cwd: world.dir,
    env: { PATH: process.env["PATH"]!, HOME: world.dir, ...world.env },
    stdout: "pipe",
    stderr: "pipe",
  });
  return child;
}

async function waitFor(path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await Bun.file(path).exists()) return;
    await Bun.sleep(50);
  }
  throw new Error(`${path} did not appear`);
}

describe("one run at a time", () => {
  test("a second run of a project ends with 2 and names the holder", async () => {
    await using world = await openTestWorld({ project: { hooks: { pre_backup: "touch started; sleep 4" } } });
    const first = await start(world, "run", "shop");
    await waitFor(join(world.dir, "started"));
    const second = await world.run("run", "shop");
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toContain(String(first.pid));
    expect(await first.exited).toBe(0);
  }, 30_000);

  test("the lock of a killed run is taken over", async () => {
    await using world = await openTestWorld({ project: { hooks: { pre_backup: "touch started; sleep 30" } } });
    const first = await start(world, "run", "shop");
    await waitFor(join(world.dir, "started"));
    first.kill("SIGKILL");
    await first.exited;
    await world.configure({});
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  }, 30_000);
});

describe("cancelling", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s ends the run with 130, runs the post hook and leaves nothing",
    async (signal) => {
      await using world = await openTestWorld({
        project: { hooks: { pre_backup: "touch started; sleep 20", post_backup: "echo $BACKUPCTL_STATUS > status" } },
      });
      const child = await start(world, "run", "shop");
      await waitFor(join(world.dir, "started"));
      child.kill(signal);
      expect(await child.exited).toBe(130);
      expect(await readFile(join(world.dir, "status"), "utf8")).toBe("cancelled\n");
      expect(await world.listObjects("disk")).toEqual([]);
      const { runs } = await world.json<RunsJson>("status", "shop");
      expect(runs[0]!.status).toBe("cancelled");
    },
    30_000,
  );
});

describe("hooks", () => {
  test("a failing pre hook aborts the run, and the post hook still runs with the outcome", async () => {
    await using world = await openTestWorld({
      project: { hooks: { pre_backup: "echo not today; exit 3", post_backup: "echo $BACKUPCTL_STATUS > status" } },
    });
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "failed", error: { code: "hook_failed", stage: "pre_hook" } });
    expect(await readFile(join(world.dir, "status"), "utf8")).toBe("failed\n");
    expect(await world.listObjects("disk")).toEqual([]);
    expect((await world.run("logs", "shop")).stdout).toContain("pre_hook: not today");
  });

  test("a failing post hook is a warning of a run that succeeded", async () => {
    await using world = await openTestWorld({
      project: { hooks: { post_backup: "test $BACKUPCTL_STATUS = succeeded && exit 9" } },
    });
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
    expect(runs[0]!.warnings.join()).toContain("post_hook");
    expect(runs[0]!.warnings.join()).toContain("status 9");
  });

  test("a hook that hangs is ended after its time-out", async () => {
    await using world = await openTestWorld({ project: { hooks: { pre_backup: "sleep 60", timeout_seconds: 1 } } });
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "failed", error: { code: "timed_out", stage: "pre_hook" } });
  }, 20_000);
});

describe("storages", () => {
  test("one that cannot be written does not sink the other: partial, exit 5", async () => {
    await using world = await openTestWorld({ storages: ["disk", "second"] });
    await writeFile(join(world.dir, "stores"), "").catch(() => {});
    await rm(join(world.dir, "stores"), { recursive: true, force: true });
    await Bun.write(join(world.storagePath("disk"), ".keep"), "");
    await writeFile(world.storagePath("second"), "a file where the directory should be");
    const outcome = await world.run("run", "shop", "--json");
    expect(outcome.exitCode).toBe(5);
    const { runs } = JSON.parse(outcome.stdout) as RunsJson;
    expect(runs[0]).toMatchObject({ status: "succeeded", partial: true });
    expect(runs[0]!.warnings.join()).toContain("second");
    const { backups } = await world.json<BackupsJson>("snapshots", "shop", "--storage", "disk");
    expect(backups[0]!.storages).toEqual(["disk"]);
  });

  test("when none can be written the run fails and names the storage", async () => {
    await using world = await openTestWorld();
    await Bun.write(join(world.dir, "stores", "x"), "");
    await writeFile(world.storagePath("disk"), "a file where the directory should be");
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "failed", error: { stage: "sync" } });
    expect(runs[0]!.error!.hint).not.toBeNull();
  });

  test("too little free space stops the run before anything is dumped", async () => {
    await using world = await openTestWorld({ env: { HEALTH_DISK_MIN_FREE_GB: "1000000" } });
    const outcome = await world.run("run", "shop", "--json");
    expect(outcome.exitCode).toBe(1);
    const { runs } = JSON.parse(outcome.stdout) as RunsJson;
    expect(runs[0]).toMatchObject({ status: "failed", error: { code: "disk_full" } });
    expect(runs[0]!.bytes).toBe(0);
  });
});

describe("sources and configuration", () => {
  test("a source that is not there fails with its stage, and prunes nothing", async () => {
    await using world = await openTestWorld({ project: { retention: { keep_last: 1 } } });
    await world.run("run", "shop");
    await rm(world.databasePath);
    const outcome = await world.run("run", "shop", "--json");
    expect(outcome.exitCode).not.toBe(0);
    const { runs } = JSON.parse(outcome.stdout) as RunsJson;
    expect(runs[0]).toMatchObject({ status: "failed", error: { stage: "dump" } });
    expect((await world.json<BackupsJson>("snapshots", "shop")).backups).toHaveLength(1);
  });

  test("a database file that is none is refused", async () => {
    await using world = await openTestWorld();
    await writeFile(world.databasePath, "this is not a database, it only looks like a file".repeat(100));
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "failed", error: { stage: "dump" } });
    expect(await world.listObjects("disk")).toEqual([]);
  });

  test("a typo in the configuration ends with 3, with line, column and the nearest key", async () => {
    await using world = await openTestWorld();
    await writeFile(
      join(world.dir, "backupctl.yml"),
      "version: 1\nprojects:\n  - name: shop\n    asets: { paths: [/tmp] }\n",
    );
    const outcome = await world.run("config", "validate");
    expect(outcome.exitCode).toBe(3);
    expect(outcome.stdout).toContain("backupctl.yml:4:5");
    expect(outcome.stdout).toContain("assets");
    expect((await world.run("run", "shop")).exitCode).toBe(3);
  });

  test("run --all goes on after a failure, in file order, and ends with 5", async () => {
    await using world = await openTestWorld();
    const good = { name: "good", assets: { paths: [world.uploadsPath] }, storage: ["disk"] };
    const bad = { name: "bad", database: { type: "sqlite", path: join(world.dir, "absent.db") }, storage: ["disk"] };
    await world.configure({ file: { projects: [bad, good] } });
    const outcome = await world.run("run", "--all", "--json");
    expect(outcome.exitCode).toBe(5);
    const { runs } = JSON.parse(outcome.stdout) as RunsJson;
    expect(runs.map((run) => run.status)).toEqual(["failed", "succeeded"]);
  });

  test("a missing asset path is a warning in the result and in the manifest", async () => {
    await using world = await openTestWorld();
    await world.configure({ project: { assets: { paths: [world.uploadsPath, join(world.dir, "gone")] } } });
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]!.status).toBe("succeeded");
    expect(runs[0]!.warnings.join()).toContain("gone");
    const manifest = (await world.listObjects("disk")).find((key) => key.endsWith(".manifest.json"))!;
    expect(await readFile(join(world.storagePath("disk"), manifest), "utf8")).toContain("gone");
  });

  test("an edited manifest is found out by its seal", async () => {
    await using world = await openTestWorld();
    await world.run("run", "shop");
    const key = (await world.listObjects("disk")).find((name) => name.endsWith(".manifest.json"))!;
    const path = join(world.storagePath("disk"), key);
    const manifest = await readFile(path, "utf8");
    await chmod(path, 0o600);
    await writeFile(
      path,
      manifest.replace('"rows": 500', '"rows": 499').replace('"warnings": []', '"warnings": ["all is well"]'),
    );
    const outcome = await world.run("verify", "shop", "latest");
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stdout).toContain("changed after it was written");
  });

  test("a state store that cannot be opened does not stop a backup", async () => {
    await using world = await openTestWorld({ env: { DATABASE_URL: "sqlite:/proc/nowhere/state.db" } });
    const outcome = await world.run("run", "shop");
    expect(outcome.exitCode).toBe(0);
    expect(outcome.stderr).toContain("warning");
    expect((await world.listObjects("disk")).some((key) => key.endsWith(".manifest.json"))).toBe(true);
  });
});
