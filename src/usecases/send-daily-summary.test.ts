import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { AppError } from "../domain/error.ts";
import type { ChannelSpec, Project, ScheduleSpec } from "../domain/project/project.ts";
import { makeRun } from "../ports/state-store-samples.contract.ts";
import { sendDailySummary } from "./send-daily-summary.ts";

const hour = 3_600_000;
const channel = (name: string, more: Partial<ChannelSpec> = {}): ChannelSpec => ({
  name,
  type: "webhook",
  settings: { url: name },
  on: ["all"],
  projects: [],
  ...more,
});
const nightly = { name: "default", kind: "backup", enabled: true } as ScheduleSpec;

function projectOf(world: TestDeps, name: string, more: Partial<Project> = {}): Project {
  return { ...world.project, name, schedules: [nightly], channels: [], ...more };
}

async function ran(world: TestDeps, id: string, project: string, hoursAgo: number, more = {}): Promise<void> {
  const at = world.clock.now() - hoursAgo * hour;
  const times = { createdAt: at - 60_000, startedAt: at - 60_000, finishedAt: at, heartbeatAt: at };
  const run = makeRun(id, { project, status: "succeeded", ...times, result: { sizeBytes: 1_000 }, ...more });
  await world.deps.state.createRun(run);
}

const lines = (world: TestDeps): readonly (readonly string[])[] =>
  world.notices.map(({ text }) => text.split("\n").slice(1, -1));

describe("the daily summary", () => {
  test("tells of the newest run of each project that ended within the day", async () => {
    const world = openTestDeps();
    await ran(world, "1", "shop", 25);
    await ran(world, "2", "shop", 23, { backupId: "aaa" });
    await ran(world, "3", "shop", 2, { backupId: "bbb" });
    await ran(world, "4", "blog", 1, {
      status: "failed",
      error: { code: "source_failed", stage: "dump", message: "no", hint: null },
    });
    await ran(world, "5", "blog", 1, { kind: "restore" });
    await ran(world, "6", "shop", 1, { trigger: "safety" });
    const long = { createdAt: world.clock.now() - 30 * hour, startedAt: world.clock.now() - 30 * hour };
    await ran(world, "7", "big", 1, { ...long, backupId: "ccc" });
    const projects = ["shop", "blog", "big", "quiet"].map((name) => projectOf(world, name));
    const byHand = projectOf(world, "by-hand", { schedules: [] });
    const request = { projects: [...projects, byHand], channels: [channel("ops")] };
    expect(await sendDailySummary(world.deps, request)).toEqual({ receivers: 1, sent: 1 });
    expect(lines(world)).toEqual([
      [
        "✅ shop — 1 KB — 1m 0s — bbb — 2/2 runs",
        "❌ blog — FAILED — no",
        "✅ big — 1 KB — 29h 0m — ccc",
        "➖ quiet — no run",
      ],
    ]);
    expect(world.notices[0]?.text).toEndWith("Total: 2/3 successful | Next run: per project schedule");
  });

  test("goes once a day, however often and by whomever it is sent", async () => {
    const world = openTestDeps();
    const request = { projects: [projectOf(world, "shop")], channels: [channel("ops")] };
    await Promise.all([sendDailySummary(world.deps, request), sendDailySummary(world.deps, request)]);
    await sendDailySummary(world.deps, request);
    expect(world.notices).toHaveLength(1);
    await world.clock.advance(24 * hour);
    await sendDailySummary(world.deps, request);
    expect(world.notices).toHaveLength(2);
  });

  test("is one message for a receiver that several projects share, and tells each its own projects", async () => {
    const world = openTestDeps();
    const same = { settings: { url: "shared" } };
    const projects = [
      projectOf(world, "a", { channels: [channel("default", { ...same, projects: ["a"] })] }),
      projectOf(world, "b", { channels: [channel("default", { ...same, projects: ["b"] })] }),
      projectOf(world, "c", { channels: [channel("mine", { projects: ["c"] })] }),
    ];
    expect(await sendDailySummary(world.deps, { projects, channels: [] })).toEqual({ receivers: 2, sent: 2 });
    const told = lines(world).map((own) => own.join("; "));
    expect(told.toSorted()).toEqual(["➖ a — no run; ➖ b — no run", "➖ c — no run"]);
  });

  test("is not for channels that hear the ends of runs alone, and not sent about nothing", async () => {
    const world = openTestDeps();
    const request = { projects: [projectOf(world, "shop")], channels: [channel("ops", { on: ["both"] })] };
    expect(await sendDailySummary(world.deps, request)).toEqual({ receivers: 0, sent: 0 });
    const idle = { projects: [projectOf(world, "shop", { schedules: [] })], channels: [channel("ops")] };
    expect(await sendDailySummary(world.deps, idle)).toEqual({ receivers: 0, sent: 0 });
  });

  test("waits for a receiver that is down", async () => {
    const world = openTestDeps();
    world.knobs.notify = () => {
      throw new AppError("notification_failed", "it answered 503", { retryable: true });
    };
    const request = { projects: [projectOf(world, "shop")], channels: [channel("ops")] };
    expect(await sendDailySummary(world.deps, request)).toEqual({ receivers: 1, sent: 0 });
    expect(await world.deps.state.listNotifications({ limit: 5, status: "pending" })).toHaveLength(1);
  });
});
