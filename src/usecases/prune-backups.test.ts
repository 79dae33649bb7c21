import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { Run } from "../domain/run/run.ts";
import type { ScheduleSpec } from "../domain/project/project.ts";
import { day, openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { exportBackup } from "./export-backup.ts";
import { pinBackup } from "./pin-backup.ts";
import { previewPrune, pruneBackups } from "./prune-backups.ts";
import { restoreToFiles } from "./restore-to-files.ts";
import { verifyBackup } from "./verify-backup.ts";

const failed = (text: string): AppError => new AppError("storage_failed", text);

async function prune(world: TestDeps, storages?: readonly string[]): Promise<Run> {
  const { project, signal } = world;
  const run = await pruneBackups(world.deps, { project, storages, signal });
  await world.flush();
  return run;
}

/** `count` backups a day apart, the oldest first, and only then a policy. */
async function fill(world: TestDeps, count: number): Promise<string[]> {
  const ids: string[] = [];
  const { retention } = world.project;
  world.project = { ...world.project, retention: null };
  for (let made = 0; made < count; made++) {
    ids.push(await backUpOnce(world));
    await world.clock.advance(day);
  }
  world.project = { ...world.project, retention };
  return ids;
}

function idsOn(world: TestDeps, storage: string): string[] {
  return world
    .store(storage)
    .keys(".manifest.json")
    .map((key) => key.slice(0, -".manifest.json".length).slice(-8));
}

describe("pruning", () => {
  test("removes on each storage what the policy does not keep: manifest first, then the rest", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 2 } } });
    const ids = await fill(world, 4);
    world.store("one").calls.length = 0;
    const run = await prune(world);
    expect(run).toMatchObject({ status: "succeeded", kind: "prune", trigger: "manual" });
    for (const name of ["one", "two"]) {
      expect(idsOn(world, name)).toEqual(ids.slice(2));
      expect(world.store(name).keys().length).toBe(4);
    }
    const deletions = world.store("one").calls.filter((call) => call.startsWith("delete"));
    expect(deletions.map((call) => call.slice(call.indexOf(".")))).toEqual([
      ".manifest.json",
      ".dump.gz",
      ".manifest.json",
      ".dump.gz",
    ]);
    expect([...world.memory.backups.keys()].toSorted()).toEqual(ids.slice(2).toSorted());
  });

  test("without a policy, or with nothing to remove, changes nothing", async () => {
    const world = openTestDeps({ project: { retention: null } });
    const ids = await fill(world, 3);
    expect((await prune(world)).result).toMatchObject({ removedBackups: 0, freedBytes: 0 });
    expect(idsOn(world, "one")).toEqual(ids);
  });

  test("plans the same without the state store as with it", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    await fill(world, 3);
    const request = { project: world.project, log: () => {}, signal: world.signal };
    const remembered = await previewPrune(world.deps, request);
    world.loseState();
    const read = await previewPrune(world.deps, request);
    expect(read.map(({ plan }) => plan)).toEqual(remembered.map(({ plan }) => plan));
    expect(idsOn(world, "one").length).toBe(3);
  });

  test("keeps the newest whose manifest can be read, whatever the state store remembers", async () => {
    const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 4);
    for (const id of ids.slice(2)) {
      const key = world.store("one").keys(`${id}.manifest.json`)[0]!;
      world.store("one").objects.set(key, { bytes: Buffer.from("{ damaged"), modifiedAt: 0 });
    }
    const { status, warnings } = await prune(world);
    expect(status).toBe("succeeded");
    expect(idsOn(world, "one")).toEqual([ids[1]!, ids[3]!]);
    expect(warnings[0]).toContain(`backup ${ids[3]} counts as failed`);
  });

  test("keeps what is pinned while it removes others", async () => {
    const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
    const [, second, , newest] = await fill(world, 4);
    const { project, signal } = world;
    const log = (): void => {};
    let pinning: Promise<unknown> | undefined;
    world.knobs.onPoint = (point) => {
      if (point !== "prune.manifest_deleted") return;
      pinning ??= pinBackup(world.deps, { project, reference: second!, pinned: true, reason: null, log, signal });
    };
    const run = await prune(world);
    await pinning;
    expect(run).toMatchObject({ status: "succeeded", result: { removedBackups: 2 } });
    expect(idsOn(world, "one")).toEqual([second!, newest!]);
    expect(world.store("one").keys(".pin.json").length).toBe(1);
  });

  test("keeps what another host pins while it removes others", async () => {
    const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
    const [, second, , newest] = await fill(world, 4);
    const store = world.store("one");
    const manifest = store.keys(".manifest.json").find((key) => key.includes(second!))!;
    world.knobs.onPoint = (point) => {
      if (point !== "prune.manifest_deleted") return;
      store.objects.set(manifest.replace(".manifest.json", ".pin.json"), { bytes: Buffer.from("{}"), modifiedAt: 0 });
    };
    expect((await prune(world)).result).toMatchObject({ removedBackups: 2 });
    expect(idsOn(world, "one")).toEqual([second!, newest!]);
  });

  test("removes nothing more where a pin cannot be looked for", async () => {
    const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 3);
    world.store("one").faults.push({ on: "find", error: failed("no answer") });
    expect(await prune(world)).toMatchObject({ status: "failed" });
    expect(idsOn(world, "one")).toEqual(ids);
  });

  test("keeps what is pinned, and what was verified last", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    const [pinned, verified, gone, newest] = await fill(world, 4);
    const { project, signal } = world;
    const log = (): void => {};
    await pinBackup(world.deps, { project, reference: pinned!, pinned: true, reason: null, log, signal });
    await verifyBackup(world.deps, { project, reference: verified!, level: "checksum", signal });
    world.loseState();
    await prune(world);
    expect(idsOn(world, "one")).toEqual([pinned!, verified!, newest!]);
    expect(idsOn(world, "two")).not.toContain(gone!);
  });

  test("refuses where a verification result cannot be read, and goes on elsewhere", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 3);
    const { project, signal } = world;
    await verifyBackup(world.deps, { project, reference: ids[0]!, level: "checksum", signal });
    for (const spoiled of ["{", '{"level":"checksum"}', '"text"', "null"]) {
      const [key] = world.store("one").keys("verified.json");
      world.store("one").objects.set(key!, { bytes: new TextEncoder().encode(spoiled), modifiedAt: 0 });
      const run = await prune(world);
      expect(run).toMatchObject({ status: "failed", error: { code: "storage_failed", stage: "prune" } });
      expect(run.warnings[0]).toContain(`the verification of backup ${ids[0]} cannot be read, nothing is pruned`);
      expect(idsOn(world, "one")).toEqual(ids);
      expect(idsOn(world, "two")).toEqual([ids[0]!, ids[2]!]);
    }
  });

  test("refuses where the storage cannot be listed: a listing error is never empty", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 3);
    world.store("one").faults.push({ on: "list", error: failed("no listing") });
    expect(await prune(world)).toMatchObject({ status: "failed", error: { message: "no listing" } });
    expect(idsOn(world, "one")).toEqual(ids);
    expect(idsOn(world, "two")).toEqual(ids.slice(2));
    const request = { project: world.project, log: () => {}, signal: world.signal };
    await expect(previewPrune(world.deps, request)).rejects.toThrow("no listing");
  });

  test("refuses when the state store cannot be asked, and touches nothing", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 3);
    for (const broken of ["listBackups", "removeBackupFromStorage"]) {
      world.knobs.onState = (method) => {
        if (method === broken) throw new AppError("state_failed", "the disk is gone");
      };
      expect(await prune(world)).toMatchObject({ status: "failed", error: { code: "state_failed" } });
      expect(idsOn(world, "one")).toEqual(ids);
      expect(world.store("one").keys().length).toBe(6);
    }
  });

  test("a storage that cannot be opened fails the run, after the others were pruned", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 2);
    world.knobs.openStorage = (name) => {
      if (name === "one") throw failed("no key");
    };
    expect(await prune(world)).toMatchObject({ status: "failed", error: { message: "no key" } });
    expect(idsOn(world, "one")).toEqual(ids);
    expect(idsOn(world, "two")).toEqual(ids.slice(1));
    const request = { project: world.project, log: () => {}, signal: world.signal };
    await expect(previewPrune(world.deps, request)).rejects.toThrow("no key");
  });

  test("works only on the storages that were asked for", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    const ids = await fill(world, 2);
    await prune(world, ["two"]);
    expect(idsOn(world, "one")).toEqual(ids);
    expect(idsOn(world, "two")).toEqual(ids.slice(1));
  });

  test("a clock that steps back removes nothing", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1, maxAgeDays: 1 } } });
    const ids = await fill(world, 3);
    world.clock.setNow(world.clock.now() - 100 * day);
    await prune(world);
    expect(idsOn(world, "one")).toEqual(ids);
  });

  test("a cancel ends it between two backups", async () => {
    const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
    await fill(world, 4);
    world.knobs.onPoint = (point) => point === "prune.part_deleted" && world.abort();
    expect((await prune(world)).status).toBe("cancelled");
    expect(idsOn(world, "one").length).toBe(3);
    expect(world.store("one").keys().length).toBe(6);
  });

  test("is refused while another run of the project is on", async () => {
    const world = openTestDeps();
    await using _held = await world.deps.lock.acquire("shop", "backup");
    await expect(prune(world)).rejects.toMatchObject({ code: "lock_held" });
  });
});

describe("sets", () => {
  const nightly: ScheduleSpec = {
    name: "nightly",
    kind: "backup",
    type: "daily",
    cron: "0 2 * * *",
    timeZone: "UTC",
    enabled: true,
    retention: { keepLast: 1 },
    limits: {},
  };

  test("a schedule with a retention of its own neither takes nor gives places", async () => {
    const world = openTestDeps({ storages: ["one"], project: { schedules: [nightly], retention: null } });
    for (let made = 0; made < 2; made++) await backUpOnce(world, { schedule: nightly, type: "daily" });
    for (let made = 0; made < 2; made++) await backUpOnce(world);
    const plans = await previewPrune(world.deps, { project: world.project, log: () => {}, signal: world.signal });
    expect(plans.map(({ schedule, plan }) => [schedule, plan.keep.length])).toEqual([
      [null, 2],
      ["nightly", 1],
    ]);
  });

  test("whose backups those are is read from the storage when the state store is gone", async () => {
    const world = openTestDeps({ storages: ["one"], project: { schedules: [nightly], retention: null } });
    for (let made = 0; made < 2; made++) await backUpOnce(world, { schedule: nightly, type: "daily" });
    const request = { project: world.project, log: () => {}, signal: world.signal };
    const remembered = await previewPrune(world.deps, request);
    world.loseState();
    expect(await previewPrune(world.deps, request)).toEqual(remembered);
    expect(remembered.map(({ schedule, plan }) => [schedule, plan.keep.length])).toContainEqual(["nightly", 1]);
  });

  test("backups of a schedule that lost its retention are judged together with the project's", async () => {
    const world = openTestDeps({ storages: ["one"], project: { schedules: [nightly], retention: null } });
    const first = await backUpOnce(world, { schedule: nightly, type: "daily" });
    const second = await backUpOnce(world);
    world.project = { ...world.project, schedules: [], retention: { keepLast: 1 } };
    await prune(world);
    expect(idsOn(world, "one")).toEqual([second]);
    expect(world.memory.backups.has(first)).toBe(false);
  });

  test("days are those of the schedule's time zone, for the project's own set too", async () => {
    const { retention: _retention, ...plain } = nightly;
    const schedules = [{ ...plain, timeZone: "Asia/Tokyo" }];
    const world = openTestDeps({ storages: ["one"], project: { schedules, retention: null } });
    // 13:30 and 15:30 UTC: one day in UTC, two days in Tokyo.
    world.clock.setNow(Date.UTC(2026, 5, 1, 13, 30));
    const first = await backUpOnce(world, { schedule: schedules[0]! });
    world.clock.setNow(Date.UTC(2026, 5, 1, 15, 30));
    const second = await backUpOnce(world, { schedule: schedules[0]! });
    world.clock.setNow(Date.UTC(2026, 5, 1, 15, 45));
    await backUpOnce(world, { schedule: schedules[0]! });
    world.project = { ...world.project, retention: { keepDaily: 2 } };
    await prune(world);
    expect(idsOn(world, "one")).toContain(first);
    expect(idsOn(world, "one")).not.toContain(second);
  });
});

describe("a backup that is being read", () => {
  const readers: Record<string, (world: TestDeps, reference: string) => Promise<Run>> = {
    verify: (world, reference) =>
      verifyBackup(world.deps, { project: world.project, reference, level: "checksum", signal: world.signal }),
    export: (world, reference) =>
      exportBackup(world.deps, { project: world.project, reference, file: "/out/x.tar.gz", signal: world.signal }),
    "restore to files": (world, reference) =>
      restoreToFiles(world.deps, {
        project: world.project,
        reference,
        targetPath: "/out",
        only: null,
        decompress: false,
        raw: true,
        signal: world.signal,
      }),
  };
  for (const [name, read] of Object.entries(readers)) {
    test(`by ${name} is passed over by prune, and removed by the next one`, async () => {
      const world = openTestDeps({ storages: ["one"], project: { retention: { keepLast: 1 } } });
      const [old, newest] = await fill(world, 2);
      const store = world.store("one");
      const { promise: release, resolve } = Promise.withResolvers<void>();
      const realRead = store.read.bind(store);
      let isReading = false;
      store.read = async function* (key, options) {
        if (key.endsWith(".dump.gz")) {
          isReading = true;
          await release;
        }
        yield* realRead(key, options);
      };
      const reading = read(world, old!);
      while (!isReading) await Bun.sleep(1);
      const run = await prune(world);
      expect(run).toMatchObject({ status: "succeeded", result: { removedBackups: 0 } });
      expect(world.log().some((line) => line.includes(`backup ${old} is being read`))).toBe(true);
      resolve();
      expect((await reading).status).toBe("succeeded");
      expect(world.locks.holders.size).toBe(0);
      // What was verified last would stay.
      for (const key of store.keys("verified.json")) store.objects.delete(key);
      await prune(world);
      expect(idsOn(world, "one")).toEqual([newest!]);
    });
  }

  test("by several at once is held until the last has ended", async () => {
    const world = openTestDeps({ storages: ["one"] });
    const id = await backUpOnce(world);
    const names: string[] = [];
    world.knobs.onEvent = () => names.push(...world.locks.holders.keys());
    const runs = await Promise.all([readers["verify"]!(world, id), readers["verify"]!(world, id)]);
    expect(runs.map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
    expect(names).toContain("shop.reading.1");
  });

  test("is read with a warning when no place is left or no lock can be taken", async () => {
    const world = openTestDeps({ storages: ["one"] });
    const id = await backUpOnce(world);
    const owner = world.deps.owner;
    for (let place = 0; place < 16; place++)
      world.locks.holders.set(`shop.reading.${place}`, { owner, since: 0, purpose: "reading zzzz" });
    expect((await readers["verify"]!(world, id)).status).toBe("succeeded");
    expect(world.log().at(-2)).toBeDefined();
    expect(world.log().some((line) => line.includes("16 others are reading"))).toBe(true);
    const acquire = (): Promise<never> => Promise.reject(new AppError("state_failed", "read-only"));
    const deps = { ...world.deps, lock: { ...world.deps.lock, acquire } };
    const verified = await verifyBackup(deps, {
      project: world.project,
      reference: id,
      level: "checksum",
      signal: world.signal,
    });
    expect(verified.status).toBe("succeeded");
    expect(world.log().some((line) => line.includes("without protection from prune: read-only"))).toBe(true);
  });
});
