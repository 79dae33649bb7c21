import { describe, expect, test } from "bun:test";
import { entry, hour, minute, openSchedulerBed, start } from "../../tests/support/scheduler-bed.ts";
import { openMemoryLock } from "../adapters/lock/memory/index.ts";
import { AppError } from "../domain/error.ts";
import { makeRun } from "../ports/state-store-samples.contract.ts";

describe("the schedule engine", () => {
  test("a slot is run when it is due, and its record says how it ended", async () => {
    const bed = openSchedulerBed();
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "0 2 * * *")]);
    void scheduler.done;
    await bed.clock.advance(minute);
    expect(bed.started).toHaveLength(0);
    await bed.clock.advance(minute);
    expect(bed.started.map(({ at }) => at)).toEqual([start + 2 * minute]);
    expect(await bed.slots()).toEqual(["shop 02:00 running"]);
    expect(scheduler.describe()).toMatchObject({ running: 1, queued: 0, schedules: 1 });
    bed.started[0]!.finish();
    await bed.clock.advance(1);
    expect(await bed.slots()).toEqual(["shop 02:00 done succeeded"]);
    expect((await bed.state.listSlots({ limit: 1 }))[0]).toMatchObject({ runId: "run1", kind: "backup" });
    await bed.clock.advance(24 * hour);
    expect(bed.started).toHaveLength(2);
  });

  test("a run that failed, and one that could not begin, are told apart from successes", async () => {
    const bed = openSchedulerBed();
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "0 2 * * *"), entry("blog", "0 2 * * *")]);
    void scheduler.done;
    await bed.clock.advance(2 * minute);
    const error = { code: "source_failed", stage: "dump", message: "no such table", hint: null } as const;
    bed.started[0]!.finish(makeRun("r1", { status: "failed", error }));
    bed.started[1]!.fail(new AppError("config_invalid", "there is no storage x"));
    await bed.clock.advance(1);
    expect((await bed.slots()).toSorted()).toEqual([
      "blog 02:00 done failed there is no storage x",
      "shop 02:00 done failed no such table",
    ]);
  });

  test("only so many run at once, one of a project at a time, in the order in which they came", async () => {
    const bed = openSchedulerBed();
    bed.knobs.maxConcurrentRuns = 2;
    const scheduler = bed.open();
    await scheduler.register([
      entry("a", "0 2 * * *"),
      entry("a", "0 2 * * *", { schedule: "second" }),
      entry("b", "0 2 * * *"),
      entry("c", "0 2 * * *"),
    ]);
    void scheduler.done;
    await bed.clock.advance(2 * minute);
    const running = (): string[] => bed.started.map(({ entry: { project, schedule } }) => `${project}/${schedule}`);
    expect(running()).toHaveLength(2);
    expect(new Set(bed.started.map((run) => run.entry.project)).size).toBe(2);
    expect((await bed.slots()).filter((slot) => slot.endsWith("queued"))).toHaveLength(2);
    bed.started[0]!.finish();
    await bed.clock.advance(1);
    bed.started[1]!.finish();
    await bed.clock.advance(1);
    bed.started[2]!.finish();
    await bed.clock.advance(1);
    bed.started[3]!.finish();
    await bed.clock.advance(1);
    expect(running().toSorted()).toEqual(["a/default", "a/second", "b/default", "c/default"]);
    expect((await bed.slots()).every((slot) => slot.endsWith("done succeeded"))).toBe(true);
  });

  test("a slot that comes while its project runs waits, and those after it say why they were left out", async () => {
    const bed = openSchedulerBed();
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "* * * * *")]);
    void scheduler.done;
    await bed.clock.advance(4 * minute);
    expect(await bed.slots()).toEqual([
      "shop 02:02 skipped the slot of 2026-11-21T02:00:00.000Z is still queued",
      "shop 02:01 skipped the slot of 2026-11-21T02:00:00.000Z is still queued",
      "shop 02:00 queued",
      "shop 01:59 running",
    ]);
    bed.started[0]!.finish();
    await bed.clock.advance(1);
    expect(bed.started).toHaveLength(2);
    expect((await bed.slots()).slice(-2)).toEqual(["shop 02:00 running", "shop 01:59 done succeeded"]);
  });

  test("slots that were missed while no daemon ran are caught up once", async () => {
    const bed = openSchedulerBed();
    const first = bed.open();
    await first.register([entry("shop", "0 * * * *")]);
    void first.done;
    first.stop();
    await first.done;
    await bed.clock.advance(3 * hour);
    const second = bed.open(2);
    await second.register([entry("shop", "0 * * * *"), entry("new", "0 * * * *")]);
    void second.done;
    await bed.clock.advance(1);
    expect(bed.started.map((run) => run.entry.project)).toEqual(["shop"]);
    const caught = "skipped missed; it is caught up by the slot of 2026-11-21T04:00:00.000Z";
    expect(await bed.slots()).toEqual(["shop 04:00 running", `shop 03:00 ${caught}`, `shop 02:00 ${caught}`]);
  });

  test("a schedule whose times were changed has missed nothing of its new ones", async () => {
    const bed = openSchedulerBed();
    const first = bed.open();
    await first.register([entry("shop", "0 * * * *")]);
    await bed.clock.advance(5 * hour);
    const second = bed.open(2);
    await second.register([entry("shop", "30 * * * *")]);
    void second.done;
    await bed.clock.advance(1);
    expect(await bed.slots()).toEqual([]);
  });

  test("two daemons on one store run a slot once", async () => {
    const bed = openSchedulerBed();
    const entries = Array.from({ length: 40 }, (_, index) => entry(`p${index}`, "0 2 * * *"));
    const daemons = [bed.open(1), bed.open(2)];
    for (const daemon of daemons) await daemon.register(entries);
    for (const daemon of daemons) void daemon.done;
    await bed.clock.advance(2 * minute);
    for (let round = 0; round < 60; round++) {
      for (const run of bed.started) run.finish();
      await bed.clock.advance(10);
    }
    expect(bed.started.map((run) => run.entry.project).toSorted()).toEqual(
      entries.map(({ project }) => project).toSorted(),
    );
  });

  test("what a dead daemon had queued is run by the next one, what it ran is closed", async () => {
    const bed = openSchedulerBed();
    bed.knobs.maxConcurrentRuns = 1;
    const first = bed.open(1);
    const entries = [entry("a", "0 2 * * *"), entry("b", "0 2 * * *"), entry("gone", "0 2 * * *")];
    await first.register(entries);
    void first.done;
    await bed.clock.advance(2 * minute);
    first.stop();
    bed.dead.add(1);
    bed.knobs.maxConcurrentRuns = 5;
    const running = bed.started[0]!.entry.project;
    const second = bed.open(2);
    await second.register(entries.filter(({ project }) => project !== "gone"));
    void second.done;
    await bed.clock.advance(minute);
    const slots = await bed.slots();
    expect(slots).toContain(`${running} 02:00 done failed the daemon ended while it ran`);
    if (running !== "gone") {
      expect(slots).toContain("gone 02:00 skipped the daemon ended before it began, and the schedule is gone");
    }
    expect(bed.started).toHaveLength(running === "gone" ? 3 : 2);
  });

  test("a daemon that only looked dead does not run what was taken from it", async () => {
    const bed = openSchedulerBed();
    bed.knobs.maxConcurrentRuns = 1;
    const first = bed.open(1);
    await first.register([entry("a", "0 2 * * *"), entry("b", "0 2 * * *")]);
    void first.done;
    await bed.clock.advance(2 * minute);
    expect(bed.started).toHaveLength(1);
    const second = bed.open(2);
    await second.register([entry("a", "0 2 * * *"), entry("b", "0 2 * * *")]);
    void second.done;
    await bed.clock.advance(11 * minute);
    expect(bed.started).toHaveLength(2);
    bed.started[0]!.finish();
    bed.started[1]!.finish();
    await bed.clock.advance(minute);
    expect(bed.started).toHaveLength(2);
  });

  test("a project that the command line works on waits without holding up others", async () => {
    const bed = openSchedulerBed();
    bed.knobs.maxConcurrentRuns = 1;
    const held = await openMemoryLock({ place: bed.locks }).acquire("a", "backup");
    const scheduler = bed.open();
    await scheduler.register([entry("a", "0 2 * * *"), entry("b", "0 2 * * *")]);
    void scheduler.done;
    await bed.clock.advance(2 * minute + 10);
    expect(bed.started.map((run) => run.entry.project)).toEqual(["b"]);
    expect((await bed.slots()).join()).toContain("a 02:00 queued waits for the backup of process");
    bed.started[0]!.finish();
    await bed.clock.advance(minute);
    expect(bed.started).toHaveLength(1);
    await held[Symbol.asyncDispose]();
    await bed.clock.advance(3_000);
    expect(bed.started.map((run) => run.entry.project)).toEqual(["b", "a"]);
  });

  test("a run that takes longer than its time is ended, and the next one may begin", async () => {
    const bed = openSchedulerBed();
    bed.knobs.runTimeoutMs = 10 * minute;
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "0 * * * *")]);
    void scheduler.done;
    await bed.clock.advance(2 * minute);
    await bed.clock.advance(10 * minute - 1);
    expect(bed.started[0]!.context.signal.aborted).toBe(false);
    await bed.clock.advance(2);
    expect(bed.started[0]!.context.signal.reason).toMatchObject({ code: "timed_out" });
    await bed.clock.advance(hour);
    expect(bed.started).toHaveLength(2);
  });

  test("stopping begins nothing new and waits for what runs; cancelling ends it", async () => {
    const bed = openSchedulerBed();
    bed.knobs.maxConcurrentRuns = 1;
    const scheduler = bed.open();
    await scheduler.register([entry("a", "0 2 * * *"), entry("b", "0 2 * * *")]);
    const done = scheduler.done;
    await bed.clock.advance(2 * minute);
    scheduler.stop();
    let isOver = false;
    void done.then(() => (isOver = true));
    await bed.clock.advance(hour);
    expect([isOver, bed.started.length]).toEqual([false, 1]);
    scheduler.cancel(new AppError("cancelled", "enough"));
    await done;
    expect((await bed.slots()).map((slot) => slot.slice(2))).toContain("02:00 done cancelled");
    expect((await bed.slots()).filter((slot) => slot.endsWith("queued"))).toHaveLength(1);
  });

  test("while the state store is down slots are run late and once, and recorded when it is back", async () => {
    const bed = openSchedulerBed();
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "0 2 * * *")]);
    void scheduler.done;
    bed.knobs.isStoreDown = true;
    await bed.clock.advance(2 * minute);
    expect(bed.started).toHaveLength(0);
    await bed.clock.advance(minute + 5_000);
    expect(bed.started).toHaveLength(1);
    await bed.clock.advance(10 * minute);
    bed.knobs.isStoreDown = false;
    await bed.clock.advance(10_000);
    expect(await bed.slots()).toEqual(["shop 02:00 running"]);
    bed.started[0]!.finish();
    await bed.clock.advance(10_000);
    expect(await bed.slots()).toEqual(["shop 02:00 done succeeded"]);
    expect(bed.started).toHaveLength(1);
    expect(bed.lines.filter((line) => line.includes("cannot be recorded"))).toHaveLength(1);
  });

  test("a daemon that starts without its state store finds what was missed when the store answers", async () => {
    const bed = openSchedulerBed();
    const first = bed.open(1);
    await first.register([entry("shop", "0 * * * *"), entry("blog", "0 3 * * *")]);
    await bed.clock.advance(3 * hour);
    bed.knobs.isStoreDown = true;
    const second = bed.open(2);
    await second.register([entry("shop", "0 * * * *"), entry("blog", "0 3 * * *")]);
    void second.done;
    await bed.clock.advance(4 * minute);
    expect(bed.started.map((run) => run.entry.project)).toEqual(["shop"]);
    bed.knobs.isStoreDown = false;
    await bed.clock.advance(10_000);
    bed.started[0]!.finish();
    await bed.clock.advance(10_000);
    expect(bed.started.map((run) => run.entry.project).toSorted()).toEqual(["blog", "shop"]);
    expect((await bed.slots()).filter((slot) => slot.startsWith("shop"))).toEqual([
      "shop 05:00 done succeeded",
      "shop 04:00 skipped missed; it is caught up by the slot of 2026-11-21T05:00:00.000Z",
      "shop 03:00 skipped missed; it is caught up by the slot of 2026-11-21T05:00:00.000Z",
      "shop 02:00 skipped missed; it is caught up by the slot of 2026-11-21T05:00:00.000Z",
    ]);
  });

  test("a clock that is put back runs no slot twice, and one that jumps ahead loses none", async () => {
    const bed = openSchedulerBed();
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "0 * * * *")]);
    void scheduler.done;
    await bed.clock.advance(2 * minute);
    bed.started[0]!.finish();
    bed.clock.setNow(start - 30 * minute);
    await bed.clock.advance(40 * minute);
    expect(bed.started).toHaveLength(1);
    bed.clock.setNow(start + 4 * hour);
    await bed.clock.advance(30_000);
    expect(bed.started).toHaveLength(2);
    expect((await bed.slots())[0]).toBe("shop 05:00 running");
    expect(await bed.slots()).toHaveLength(4);
  });

  test("other schedules take their place at once, and what runs goes on", async () => {
    const bed = openSchedulerBed();
    const scheduler = bed.open();
    await scheduler.register([entry("shop", "0 2 * * *")]);
    void scheduler.done;
    await bed.clock.advance(2 * minute);
    await scheduler.register([entry("blog", "1 2 * * *")]);
    await bed.clock.advance(minute);
    expect(bed.started.map((run) => run.entry.project)).toEqual(["shop", "blog"]);
    expect(bed.started[0]!.context.signal.aborted).toBe(false);
  });
});
