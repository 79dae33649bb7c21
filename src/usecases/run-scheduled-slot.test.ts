import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { AppError } from "../domain/error.ts";
import type { ScheduleSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import { runScheduledSlot } from "./run-scheduled-slot.ts";

const kinds = ["backup", "verify", "check", "prune", "forget"] as const;

function openWorld(more: Partial<ScheduleSpec> = {}): TestDeps {
  const schedules = kinds.map((kind): ScheduleSpec => ({
    name: `${kind}s`,
    kind,
    type: "weekly",
    cron: "0 2 * * *",
    timeZone: "UTC",
    enabled: true,
    limits: {},
    ...more,
  }));
  return openTestDeps({ project: { schedules, retention: { keepLast: 1 } } });
}

async function runKind(world: TestDeps, kind: string, signal = world.signal): Promise<Run> {
  const schedule = kind.startsWith("@") ? kind : `${kind}s`;
  const entry = { project: "shop", schedule, kind: "backup", cron: "0 2 * * *", timeZone: "UTC" } as const;
  const ids: string[] = [];
  const run = await runScheduledSlot(world.deps, entry, { signal, onRun: (id) => ids.push(id) });
  expect(ids[0]).toBe(run.id);
  return run;
}

describe("a slot", () => {
  test("runs what its schedule is for, under the schedule's name", async () => {
    const world = openWorld();
    for (const [kind, expected] of [
      ["backup", "backup"],
      ["verify", "verify"],
      ["check", "check"],
      ["prune", "prune"],
      ["forget", "prune"],
      ["@retention", "prune"],
    ]) {
      const run = await runKind(world, kind!);
      expect([run.kind, run.status]).toEqual([expected as Run["kind"], "succeeded"]);
      expect(run.trigger).toBe(kind!.startsWith("@") ? kind! : `${kind}s`);
    }
  });

  test("goes to the schedule's storages, under the schedule's type", async () => {
    const world = openWorld({ storages: ["two"] });
    const run = await runKind(world, "backup");
    expect(run.result["storages"]).toEqual(["two"]);
    expect(run.result["stem"]).toContain("shop_weekly_");
  });

  test("waits for the project's lock, and gives up with its signal", async () => {
    const world = openWorld();
    const held = await world.deps.lock.acquire("shop", "prune");
    let isOver = false;
    const waiting = runKind(world, "backup").then((run) => {
      isOver = true;
      return run;
    });
    await Bun.sleep(20);
    expect(isOver).toBe(false);
    await held[Symbol.asyncDispose]();
    expect((await waiting).status).toBe("succeeded");
    await using _again = await world.deps.lock.acquire("shop", "prune");
    const tooLate = AbortSignal.abort(new AppError("timed_out", "too late"));
    await expect(runKind(world, "backup", tooLate)).rejects.toMatchObject({ code: "timed_out" });
  });

  test("that took too long has failed, and was not cancelled", async () => {
    const world = openWorld();
    const late = new AbortController();
    world.knobs.onPoint = (point) => {
      if (point === "dump.part_open") late.abort(new AppError("timed_out", "it took longer than --run-timeout (1 s)"));
    };
    const run = await runKind(world, "backup", late.signal);
    expect(run).toMatchObject({ status: "failed", error: { code: "timed_out", stage: "dump" } });
  });

  test("of a schedule that was taken out of the file says so", async () => {
    const world = openWorld();
    const entry = { project: "shop", schedule: "gone", kind: "backup", cron: "0 2 * * *", timeZone: "UTC" } as const;
    const slot = runScheduledSlot(world.deps, entry, { signal: world.signal, onRun: () => {} });
    await expect(slot).rejects.toMatchObject({ code: "config_invalid" });
  });
});
