import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { Run } from "../domain/run/run.ts";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { back, backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { pruneBackups } from "./prune-backups.ts";

const hour = 3_600_000;
const failed = (text = "it broke"): AppError => new AppError("storage_failed", text);

async function prune(world: TestDeps): Promise<Run> {
  const run = await pruneBackups(world.deps, { project: world.project, signal: world.signal });
  await world.flush();
  return run;
}

/** A failed run whose parts could not be removed. */
async function leaveParts(world: TestDeps, storage: string): Promise<void> {
  const store = world.store(storage);
  store.faults.push({ on: "create", error: failed() }, { on: "delete", error: failed() });
  await back(world);
  store.faults.length = 0;
}

describe("unfinished writes", () => {
  test("of this project that are old enough are removed", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await world.clock.advance(10 * hour);
    const now = world.clock.now();
    const { debris } = world.store("one");
    debris.push(
      { id: "1", key: "shop/old.part", sizeBytes: 1, startedAt: now - 2 * hour },
      { id: "2", key: "shop/young.part", sizeBytes: 1, startedAt: now - hour / 2 },
      { id: "3", key: "other/old.part", sizeBytes: 1, startedAt: now - 9 * hour },
      { id: "4", key: "shopping/old.part", sizeBytes: 1, startedAt: now - 9 * hour },
    );
    expect((await prune(world)).result).toMatchObject({ removedDebris: 1 });
    expect(debris.map(({ id }) => id)).toEqual(["2", "3", "4"]);
  });

  test("stay as long as a run of the project may take", async () => {
    const world = openTestDeps({ storages: ["one"], project: { timeoutMs: 5 * hour } });
    const { debris } = world.store("one");
    debris.push({ id: "1", key: "shop/old.part", sizeBytes: 1, startedAt: world.clock.now() - 2 * hour });
    await prune(world);
    expect(debris.length).toBe(1);
  });

  test("of a backup that no record here knows get a day: another host may be at it", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await world.clock.advance(100 * hour);
    const { debris } = world.store("one");
    const key = (id: string): string => `shop/2026/11/shop_manual_20261121_053000_${id}.dump.zst`;
    const upload = (id: string, hours: number) =>
      debris.push({ id, key: key(id), sizeBytes: null, startedAt: world.clock.now() - hours * hour });
    upload("unknown1", 20);
    upload("unknown2", 25);
    await prune(world);
    expect(debris.map(({ id }) => id)).toEqual(["unknown1"]);
    world.store("one").faults.push({ on: "create", error: failed() });
    const { backupId } = await back(world);
    await world.flush();
    upload(backupId!, 2);
    await prune(world);
    expect(debris.map(({ id }) => id)).toEqual(["unknown1"]);
  });
});

describe("parts without a manifest", () => {
  test("of a run that failed are removed", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await leaveParts(world, "one");
    expect(world.store("one").keys().length).toBe(1);
    expect((await prune(world)).result).toMatchObject({ removedDebris: 1 });
    expect(world.store("one").keys()).toEqual([]);
  });

  test("of a storage that failed in a run that was partial are removed", async () => {
    const world = openTestDeps();
    await leaveParts(world, "two");
    expect(world.store("one").keys().length).toBe(2);
    expect(world.store("two").keys().length).toBe(1);
    await prune(world);
    expect(world.store("one").keys().length).toBe(2);
    expect(world.store("two").keys()).toEqual([]);
  });

  test("of every attempt of a run that was retried are removed", async () => {
    const world = openTestDeps({ storages: ["one"], settings: { retryCount: 1, retryDelayMs: 10 } });
    const store = world.store("one");
    const reset = new AppError("storage_unreachable", "reset", { retryable: true });
    store.faults.push({ on: "create", error: reset, times: 1 }, { on: "delete", error: failed(), times: 1 });
    const running = back(world);
    while (world.clock.sleepers === 0) await Bun.sleep(1);
    await world.clock.advance(10);
    expect((await running).status).toBe("succeeded");
    expect(store.keys(".dump.gz").length).toBe(2);
    await prune(world);
    expect(store.keys(".dump.gz").length).toBe(1);
    expect(store.keys(".manifest.json").length).toBe(1);
  });

  test("of a process that was killed are removed once its last sign of life is old", async () => {
    const world = openTestDeps({ storages: ["one"] });
    const killed = new Error("killed");
    world.knobs.onPoint = (point) => {
      if (point === "dump.parts_durable") throw killed;
    };
    world.store("one").faults.push({ on: "delete", error: failed() });
    // A process that dies tells nobody: what the store has until then is all there is.
    world.knobs.onState = (method) => {
      if (method === "updateRun" && world.events.at(-1)!.type === "finished") throw killed;
    };
    await back(world);
    world.store("one").faults.length = 0;
    world.knobs.onState = () => {};
    const [dead] = [...world.memory.runs.values()];
    expect(dead!.status).toBe("running");
    expect(world.store("one").keys().join()).toContain(dead!.backupId!);
    await prune(world);
    expect(world.store("one").keys().length).toBe(1);
    // It may live and only be cut off from the state store: silence alone proves nothing for a day.
    await world.clock.advance(23 * hour);
    await prune(world);
    expect(world.store("one").keys().length).toBe(1);
    await world.clock.advance(2 * hour);
    await prune(world);
    expect(world.store("one").keys()).toEqual([]);
  });

  test("without a record stay, and are told of", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await leaveParts(world, "one");
    world.loseState();
    const run = await prune(world);
    expect(run.result).not.toHaveProperty("removedDebris");
    expect(world.store("one").keys().length).toBe(1);
    expect(world.log().some((line) => line.startsWith("warn:") && line.includes("it stays"))).toBe(true);
  });

  test("of a deletion that was cut short are removed by the next prune", async () => {
    const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
    world.project = { ...world.project, retention: null };
    const old = await backUpOnce(world);
    const newest = await backUpOnce(world);
    world.project = { ...world.project, retention: { keepLast: 1 } };
    world.knobs.onPoint = (point) => {
      if (point === "prune.manifest_deleted") throw new Error("killed");
    };
    await prune(world);
    world.knobs.onPoint = () => {};
    expect(world.store("one").keys().join()).toContain(old);
    await prune(world);
    expect(world.store("one").keys().join()).not.toContain(old);
    expect(world.store("one").keys().join()).toContain(newest);
    expect(world.store("one").keys().length).toBe(2);
  });

  test("of a committed backup whose manifest was lost stay", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await backUpOnce(world);
    const [manifest] = world.store("one").keys(".manifest.json");
    world.store("one").objects.delete(manifest!);
    await prune(world);
    expect(world.store("one").keys().length).toBe(1);
    expect(world.log().some((line) => line.startsWith("warn:") && line.includes("it stays"))).toBe(true);
  });
});
