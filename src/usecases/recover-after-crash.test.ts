import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { back } from "../../tests/support/run-fake-backup.ts";
import { AppError } from "../domain/error.ts";
import type { RunOwner } from "../domain/run/run.ts";
import { makeRun } from "../ports/state-store-samples.contract.ts";
import { pruneBackups } from "./prune-backups.ts";
import { recoverAfterCrash, type RecoveryReport } from "./recover-after-crash.ts";

const hour = 3_600_000;
const gone: RunOwner = { host: "here", bootId: "boot", pid: 99, startTicks: "7" };

interface Recovery extends RecoveryReport {
  readonly said: readonly string[];
}

async function recover(
  world: TestDeps,
  only: string | null = null,
  extent: "records" | "storages" = "storages",
): Promise<Recovery> {
  const said: string[] = [];
  const log = (level: string, message: string): void => void said.push(`${level}: ${message}`);
  const report = await recoverAfterCrash(
    { ...world.deps, log },
    { projects: [world.project], only, extent, signal: world.signal },
  );
  return { ...report, said };
}

function judge(world: TestDeps, verdict: "alive" | "dead" | "unseen"): void {
  world.knobs.judgeOwner = ({ pid }) => (pid === gone.pid ? verdict : "alive");
}

async function leaveRun(world: TestDeps, id = "r1", more: Parameters<typeof makeRun>[1] = {}): Promise<void> {
  const heartbeatAt = world.clock.now();
  await world.deps.state.createRun(makeRun(id, { owner: gone, heartbeatAt, stage: "dump", ...more }));
}

describe("a run that is recorded as running", () => {
  test("fails when its process is dead, with the stage crash_recovery", async () => {
    const world = openTestDeps();
    judge(world, "dead");
    await leaveRun(world);
    await leaveRun(world, "r2", { kind: "restore", status: "queued", stage: null });
    const { recovered } = await recover(world);
    expect(recovered.map(({ id }) => id).toSorted()).toEqual(["r1", "r2"]);
    expect(await world.deps.state.findRun("r1")).toMatchObject({
      status: "failed",
      stage: "dump",
      finishedAt: world.clock.now(),
      error: { code: "interrupted", stage: "crash_recovery", hint: "run it again: backupctl run shop" },
    });
    expect((await recover(world)).recovered).toEqual([]);
  });

  test("under our host's name, of another boot, fails by the lock that it left or after minutes of silence", async () => {
    const world = openTestDeps();
    const elsewhere: RunOwner = { ...gone, bootId: "another boot" };
    judge(world, "dead");
    await leaveRun(world, "r1", { owner: elsewhere });
    expect((await recover(world)).recovered).toEqual([]);
    await world.deps.state.updateRun("r1", { heartbeatAt: world.clock.now() - 4 * 60_000 });
    expect((await recover(world)).recovered).toEqual([]);
    await world.deps.state.updateRun("r1", { heartbeatAt: world.clock.now() - 6 * 60_000 });
    expect((await recover(world)).recovered.map(({ id }) => id)).toEqual(["r1"]);
  });

  test("stays when its process is alive", async () => {
    const world = openTestDeps();
    judge(world, "alive");
    await leaveRun(world);
    await world.clock.advance(1_000 * hour);
    expect((await recover(world)).recovered).toEqual([]);
    expect((await world.deps.state.findRun("r1"))?.status).toBe("running");
  });

  test("elsewhere stays for a day without a sign of life, and longer while somebody holds the lock", async () => {
    const world = openTestDeps();
    judge(world, "unseen");
    await leaveRun(world);
    await world.clock.advance(24 * hour - 1);
    expect((await recover(world)).recovered).toEqual([]);
    await world.clock.advance(1);
    {
      await using _held = await world.deps.lock.acquire("shop", "backup");
      expect((await recover(world)).recovered).toEqual([]);
    }
    expect((await recover(world)).recovered).toHaveLength(1);
  });

  test("elsewhere gets twice the project's timeout when that is longer", async () => {
    const world = openTestDeps({ project: { timeoutMs: 30 * hour } });
    judge(world, "unseen");
    await leaveRun(world);
    await world.clock.advance(59 * hour);
    expect((await recover(world)).recovered).toEqual([]);
    await world.clock.advance(hour);
    expect((await recover(world)).recovered).toHaveLength(1);
  });

  test("elsewhere fails at once when the lock that it left is a dead one's", async () => {
    const world = openTestDeps();
    await leaveRun(world);
    world.locks.holders.set("shop", { owner: gone, since: 0, purpose: "backup" });
    judge(world, "dead");
    const dead = await world.deps.lock.findDead("shop");
    expect(dead?.owner).toEqual(gone);
    // The run's owner cannot be seen by its pid, only by the lock.
    const deps = { ...world.deps, judgeOwner: () => "unseen" as const, log: () => {} };
    const request = { projects: [world.project], only: null, extent: "storages", signal: world.signal } as const;
    expect((await recoverAfterCrash(deps, request)).recovered).toHaveLength(1);
  });

  test("elsewhere stays while its clock, or ours, is far from the other", async () => {
    const world = openTestDeps();
    judge(world, "unseen");
    await leaveRun(world, "r1", { heartbeatAt: world.clock.now() + 365 * 24 * hour });
    await world.clock.advance(25 * hour);
    world.clock.setNow(world.clock.now() - 1_000 * 24 * hour);
    expect((await recover(world)).recovered).toEqual([]);
  });

  test("here fails by its process alone, whatever the clocks say", async () => {
    const world = openTestDeps();
    judge(world, "dead");
    await leaveRun(world, "r1", { heartbeatAt: world.clock.now() + 365 * 24 * hour, createdAt: 4e12, startedAt: 4e12 });
    expect((await recover(world)).recovered).toHaveLength(1);
  });

  test("of another project is not looked at when only one is asked for", async () => {
    const world = openTestDeps();
    judge(world, "dead");
    await leaveRun(world, "r1", { project: "other" });
    expect((await recover(world, "shop")).recovered).toEqual([]);
    expect((await recover(world)).recovered).toHaveLength(1);
  });

  test("but ended well, as only the journal knows, did not crash", async () => {
    const world = openTestDeps();
    judge(world, "dead");
    await leaveRun(world);
    const payload = { op: "updateRun", id: "r1", changes: { status: "succeeded", finishedAt: 5 } };
    await world.deps.journal.append({ id: "e1", type: "audit", payload, timestamp: 1 });
    expect(await recover(world)).toMatchObject({ recovered: [], replayed: 1 });
    expect((await world.deps.state.findRun("r1"))?.status).toBe("succeeded");
  });
});

describe("people hear of a dead run", () => {
  const channels = [{ name: "ops", type: "webhook", settings: {}, on: ["failure"], projects: [] }] as const;

  test("once, also when several processes recover at the same time", async () => {
    const world = openTestDeps({ project: { channels } });
    judge(world, "dead");
    await leaveRun(world);
    await Promise.all([recover(world), recover(world), recover(world)]);
    expect(world.notices.map(({ event }) => event)).toEqual(["backup_failed"]);
    expect(world.notices[0]?.text).toContain("ended without finishing");
  });
});

describe("what a dead run left", () => {
  /** A backup that dies after its parts were written. */
  async function dieAt(world: TestDeps, point: string): Promise<void> {
    world.knobs.onPoint = (reached) => {
      if (reached === point) throw new AppError("internal", "killed");
    };
    for (const name of ["one", "two"])
      world.store(name).faults.push({ on: "delete", error: new AppError("storage_failed", "dead") });
    await back(world);
    world.knobs.onPoint = () => {};
    for (const name of ["one", "two"]) world.store(name).faults.length = 0;
    // As the store knew it when the process was killed.
    for (const [id, run] of world.memory.runs) {
      world.memory.runs.set(id, { ...run, status: "running", finishedAt: null, error: null, owner: gone });
    }
  }

  test("is removed from every storage at once", async () => {
    const world = openTestDeps();
    await dieAt(world, "dump.parts_durable");
    judge(world, "dead");
    expect(world.store("one").keys()).not.toEqual([]);
    const { said } = await recover(world);
    expect(world.store("one").keys()).toEqual([]);
    expect(world.store("two").keys()).toEqual([]);
    expect(said.join("\n")).toContain("which belongs to no backup");
  });

  test("stays when only the records are to be put in order, and the next prune takes it", async () => {
    const world = openTestDeps();
    await dieAt(world, "dump.parts_durable");
    judge(world, "dead");
    const before = world.store("one").keys();
    expect((await recover(world, null, "records")).recovered).toHaveLength(1);
    expect(world.store("one").keys()).toEqual(before);
    await pruneBackups(world.deps, { project: world.project, signal: world.signal });
    expect(world.store("one").keys()).toEqual([]);
  });

  test("stays while another run holds the project's lock", async () => {
    const world = openTestDeps();
    await dieAt(world, "dump.parts_durable");
    judge(world, "dead");
    await using _held = await world.deps.lock.acquire("shop", "backup");
    const { recovered, said } = await recover(world);
    expect(recovered).toHaveLength(1);
    expect(world.store("one").keys()).not.toEqual([]);
    expect(said.join("\n")).toContain("the next prune does it");
  });

  test("stays when its run is alive or nobody knows", async () => {
    for (const verdict of ["alive", "unseen"] as const) {
      const world = openTestDeps();
      await dieAt(world, "dump.parts_durable");
      judge(world, verdict);
      await recover(world);
      expect(world.store("one").keys()).not.toEqual([]);
    }
  });

  test("stays when the state store is down or was emptied", async () => {
    const world = openTestDeps();
    await dieAt(world, "dump.parts_durable");
    judge(world, "dead");
    world.knobs.onState = () => {
      throw new AppError("state_failed", "it is gone");
    };
    const { said } = await recover(world);
    expect(said).toEqual(["warn: crash recovery: it is gone"]);
    world.knobs.onState = () => {};
    world.loseState();
    await recover(world);
    expect(world.store("one").keys()).not.toEqual([]);
  });

  test("on a storage that is away is left to prune, and the others are cleared", async () => {
    const world = openTestDeps();
    await dieAt(world, "dump.parts_durable");
    judge(world, "dead");
    world.knobs.openStorage = (name) => {
      if (name === "one") throw new AppError("storage_unreachable", "one is away");
    };
    const { said, recovered } = await recover(world);
    expect(recovered).toHaveLength(1);
    expect(said.join("\n")).toContain("one is away");
    expect(world.store("two").keys()).toEqual([]);
    expect(world.store("one").keys()).not.toEqual([]);
  });

  test("of unfinished writes goes by the backup's id, however young it is", async () => {
    const world = openTestDeps();
    await dieAt(world, "dump.parts_durable");
    judge(world, "dead");
    const [part] = world.store("one").keys();
    const startedAt = world.clock.now();
    const other = part!.replace(/_[0-9a-z]{8}\./, "_zzzzzzzz.");
    world
      .store("one")
      .debris.push({ id: "1", key: part!, sizeBytes: 1, startedAt }, { id: "2", key: other, sizeBytes: 1, startedAt });
    await recover(world);
    expect(world.store("one").debris.map(({ id }) => id)).toEqual(["2"]);
  });

  test("on a storage with its manifest is a backup: it stays and is remembered", async () => {
    const world = openTestDeps();
    await dieAt(world, "commit.first_storage_done");
    judge(world, "dead");
    const manifests = (name: string): readonly string[] =>
      world
        .store(name)
        .keys()
        .filter((key) => key.endsWith(".manifest.json"));
    expect(manifests("one")).toHaveLength(1);
    world.memory.backups.clear();
    const { said } = await recover(world);
    expect(manifests("one")).toHaveLength(1);
    expect(world.store("one").keys().length).toBeGreaterThan(1);
    expect([...world.memory.backups.values()][0]?.storages).toContain("one");
    expect(said.join("\n")).toContain("it stays");
  });
});
