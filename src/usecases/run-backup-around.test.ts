// What is around a dump: hooks, the drill, the state store and retention.

import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import { back, backUpOnce } from "../../tests/support/run-fake-backup.ts";

const failed = (text = "it broke"): AppError => new AppError("storage_failed", text);

describe("hooks", () => {
  const hooks = { preBackup: "before", postBackup: "after", timeoutMs: 500 };

  test("run before and after, with the outcome, and their lines are in the log", async () => {
    const world = openTestDeps({ project: { hooks } });
    world.knobs.hook = async ({ command, onLine }) => {
      onLine(`${command} says hello`);
      return { exitCode: 0, durationMs: 5 };
    };
    const run = await back(world);
    expect(world.hookCalls.map(({ command, env }) => [command, env["BACKUPCTL_STATUS"]])).toEqual([
      ["before", "running"],
      ["after", "succeeded"],
    ]);
    expect(world.hookCalls[0]!.env).toMatchObject({ BACKUPCTL_PROJECT: "shop", BACKUPCTL_RUN_ID: run.id });
    expect(world.log()).toContain("info: pre_hook: before says hello");
    expect(world.log()).toContain("info: post_hook: after says hello");
    expect(run.result).toMatchObject({ preHookExitCode: 0, postHookExitCode: 0 });
  });

  test("a failing first one stops the run before the dump; the last one runs all the same", async () => {
    const world = openTestDeps({ project: { hooks } });
    world.knobs.hook = async ({ command }) => ({ exitCode: command === "before" ? 3 : 0, durationMs: 5 });
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "hook_failed", stage: "pre_hook" } });
    expect(world.hookCalls.at(-1)!.env["BACKUPCTL_STATUS"]).toBe("failed");
    expect(world.server.calls).toEqual([]);
  });

  test("the last one runs after a cancel, with a signal of its own", async () => {
    const world = openTestDeps({ project: { hooks } });
    world.knobs.onPoint = (point) => point === "dump.part_open" && world.abort();
    expect((await back(world)).status).toBe("cancelled");
    const last = world.hookCalls.at(-1)!;
    expect([last.command, last.env["BACKUPCTL_STATUS"], last.signal.aborted]).toEqual(["after", "cancelled", false]);
  });

  test("a failing last one is a warning", async () => {
    const world = openTestDeps({ project: { hooks: { postBackup: "after", timeoutMs: 500 } } });
    world.knobs.hook = async () => ({ exitCode: 9, durationMs: 5 });
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", error: null });
    expect(run.warnings).toEqual(["post_hook: post_backup hook of shop ended with status 9"]);
    expect(run.result["postHookExitCode"]).toBe(9);
  });

  test("neither runs when the look before fails", async () => {
    const world = openTestDeps({ project: { hooks } });
    world.server.faults.probe = new AppError("source_unreachable", "nobody answers");
    expect((await back(world)).status).toBe("failed");
    expect(world.hookCalls).toEqual([]);
  });
});

describe("a drill", () => {
  const verification = { enabled: true, level: "restore", rowCounts: "exact", drillOn: "project" } as const;

  test("that passes is recorded on every storage with its time", async () => {
    const world = openTestDeps({ encrypted: true, project: { verification } });
    const run = await back(world);
    expect(run.result).toMatchObject({ verified: true });
    expect(world.server.calls).toContain("drill shop (project)");
    for (const name of ["one", "two"]) expect(world.store(name).keys("verified.json").length).toBe(1);
    expect(world.memory.backups.get(run.backupId!)!.verification).toMatchObject({ level: "restore", passed: true });
    expect(world.server.open.size).toBe(0);
  });

  test("that fails keeps the backup, marks it as not verified and warns", async () => {
    const world = openTestDeps({ project: { verification } });
    world.server.faults.losesRows = true;
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: false });
    expect(run.result).toMatchObject({ verified: false });
    expect(run.warnings[0]).toContain("verify: the drill restored other rows than were dumped");
    expect(world.store("one").keys("manifest.json").length).toBe(1);
    expect(world.memory.backups.get(run.backupId!)!.verification).toMatchObject({ level: "restore", passed: false });
  });

  test("uses another server when one is configured for it", async () => {
    const world = openTestDeps({
      project: { verification: { ...verification, drillOn: "server", drillServer: { database: "elsewhere" } } },
    });
    await backUpOnce(world);
    expect(world.server.calls).toContain("drill elsewhere (project)");
  });
});

describe("whoever listens to a run", () => {
  test("cannot harm it: a listener that throws at any event changes nothing", async () => {
    const world = openTestDeps();
    world.knobs.onEvent = () => {
      throw new Error("the terminal is gone");
    };
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", warnings: [] });
    for (const name of ["one", "two"]) expect(world.store(name).keys().length).toBe(2);
    expect(world.memory.runs.get(run.id)!.status).toBe("succeeded");
  });
});

describe("a state store that fails", () => {
  test("is reported once and never fails the run", async () => {
    const world = openTestDeps();
    world.knobs.onState = () => {
      throw new AppError("state_failed", "the disk is gone");
    };
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: false });
    expect(world.storeErrors.length).toBe(1);
    expect(run.warnings).toEqual(["state store: the disk is gone", "prune: the disk is gone"]);
    expect(world.store("two").keys("manifest.json").length).toBe(1);
  });
});

describe("retention after a backup", () => {
  test("is applied only on the storages that were written in this run", async () => {
    const world = openTestDeps({ project: { retention: null } });
    const first = await backUpOnce(world);
    world.project = { ...world.project, retention: { keepLast: 1 } };
    world.store("two").faults.push({ on: "write", error: failed() });
    const second = await backUpOnce(world);
    expect(world.store("one").keys("manifest.json").join()).toContain(second);
    expect(world.store("one").keys("manifest.json").join()).not.toContain(first);
    expect(world.store("two").keys("manifest.json").join()).toContain(first);
    expect(world.memory.backups.get(first)!.storages).toEqual(["two"]);
  });

  test("that fails is a warning", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    world.store("one").faults.push({ on: "list", error: failed("no listing") });
    expect(await back(world)).toMatchObject({ status: "succeeded", warnings: ["prune: no listing"] });
  });
});
