import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import type { Alert } from "../domain/alert/alert.ts";
import type { Project, ScheduleSpec } from "../domain/project/project.ts";
import { makeRun } from "../ports/state-store-samples.contract.ts";
import { makeSlot } from "../ports/state-store-schedules.contract.ts";
import { checkAlerts } from "./check-alerts.ts";
import { checkFreshness } from "./check-freshness.ts";

const hour = 3_600_000;
const nightly: ScheduleSpec = {
  name: "nightly",
  kind: "backup",
  type: "custom",
  cron: "0 2 * * *",
  timeZone: "UTC",
  enabled: true,
  limits: {},
};

interface Bed extends TestDeps {
  readonly told: string[];
  check(more?: Partial<Project>): Promise<void>;
  standing(): Promise<readonly string[]>;
}

/** The clock begins at midnight UTC. */
function openBed(): Bed {
  const world = openTestDeps({ project: { schedules: [nightly] } });
  const told: string[] = [];
  const tell = async (alert: Alert): Promise<void> =>
    void told.push(`${alert.resolvedAt === null ? "raised" : "resolved"} ${alert.kind} ${alert.subject}`.trim());
  return {
    ...world,
    told,
    check: (more) =>
      checkAlerts(world.deps, { projects: [{ ...world.project, ...more }], settings: world.deps.settings }, tell),
    standing: async () => (await world.deps.state.listAlerts({ open: true, limit: 10 })).map(({ message }) => message),
  };
}

async function mark(bed: Bed, judgedUntil: number): Promise<void> {
  const since = bed.clock.now() - 30 * 24 * hour;
  await bed.deps.state.saveScheduleMarks([
    { project: "shop", schedule: "nightly", rule: "0 2 * * * UTC", since, judgedUntil },
  ]);
}

async function succeed(bed: Bed, at: number, id = `r${at}`): Promise<void> {
  await bed.deps.state.createRun(makeRun(id, { status: "succeeded", createdAt: at, startedAt: at }));
}

describe("alerts", () => {
  test("health and alerts call the same backups too old", async () => {
    for (const more of [{}, { rpoMs: 5 * hour }, { schedules: [], rpoMs: 5 * hour }, { schedules: [] }]) {
      for (const age of [1, 5, 6, 24, 47, 49]) {
        const bed = openBed();
        await succeed(bed, bed.clock.now() - age * hour);
        await bed.check(more);
        const { status } = await checkFreshness(bed.deps, { ...bed.project, ...more });
        const isAlert = bed.told.some((line) => line.startsWith("raised rpo"));
        expect({ more, age, isAlert }).toEqual({ more, age, isAlert: status === "failed" });
      }
    }
  });

  test("a safety backup does not make an old project fresh", async () => {
    const bed = openBed();
    await mark(bed, bed.clock.now() + 1_000 * hour);
    await succeed(bed, bed.clock.now() - 49 * hour);
    const createdAt = bed.clock.now() - hour;
    await bed.deps.state.createRun(
      makeRun("s", { status: "succeeded", trigger: "safety", createdAt, startedAt: createdAt }),
    );
    await bed.check();
    expect(bed.told).toEqual(["raised rpo"]);
  });

  test("a backup older than twice the interval is told once, and once when there is a newer one", async () => {
    const bed = openBed();
    await mark(bed, bed.clock.now() + 1_000 * hour);
    await succeed(bed, bed.clock.now() - 47 * hour);
    await bed.check();
    expect(bed.told).toEqual([]);
    await bed.clock.advance(2 * hour);
    await bed.check();
    await bed.check();
    expect(bed.told).toEqual(["raised rpo"]);
    expect((await bed.standing())[0]).toContain("is older than twice the interval of its schedule (48 h)");
    await succeed(bed, bed.clock.now() - hour);
    await bed.check();
    await bed.check();
    expect(bed.told).toEqual(["raised rpo", "resolved rpo"]);
  });

  test("rpo_minutes says how old the newest backup may be", async () => {
    const bed = openBed();
    await mark(bed, bed.clock.now() + 1_000 * hour);
    await succeed(bed, bed.clock.now() - 5 * hour);
    await bed.check({ rpoMs: 6 * hour });
    expect(bed.told).toEqual([]);
    await bed.check({ rpoMs: 4 * hour });
    expect((await bed.standing())[0]).toContain("is older than rpo_minutes (4 h)");
  });

  test("a project that never had a backup is told too, and one that is new is not", async () => {
    const bed = openBed();
    await bed.check();
    expect(bed.told).toEqual([]);
    await mark(bed, bed.clock.now() + 1_000 * hour);
    await bed.check();
    expect((await bed.standing())[0]).toStartWith("no backup of shop has succeeded");
  });

  test("failures and other kinds of runs do not make a backup newer", async () => {
    const bed = openBed();
    await mark(bed, bed.clock.now() + 1_000 * hour);
    const createdAt = bed.clock.now() - hour;
    await bed.deps.state.createRun(makeRun("f", { status: "failed", createdAt }));
    await bed.deps.state.createRun(makeRun("v", { status: "succeeded", kind: "verify", createdAt }));
    await bed.check();
    expect(bed.told).toEqual(["raised rpo"]);
  });

  test("a slot that no daemon looked at did not start, until one did", async () => {
    const bed = openBed();
    await succeed(bed, bed.clock.now());
    await mark(bed, bed.clock.now() - 22 * hour);
    await bed.clock.advance(2 * hour + 9 * 60_000);
    await bed.check();
    expect(bed.told).toEqual([]);
    await bed.clock.advance(2 * 60_000);
    await bed.check();
    expect(bed.told).toEqual(["raised did_not_start nightly"]);
    expect((await bed.standing())[0]).toContain("that was due at 2026-01-01T02:00Z did not start");
    await mark(bed, bed.clock.now());
    await bed.check();
    expect(bed.told).toEqual(["raised did_not_start nightly", "resolved did_not_start nightly"]);
  });

  test("a slot that waits for more than an hour did not start", async () => {
    const bed = openBed();
    const now = bed.clock.now();
    await succeed(bed, now);
    await mark(bed, now + 1_000 * hour);
    await bed.deps.state.claimSlots([
      makeSlot(now - hour - 1, { schedule: "nightly", reason: "waits for the prune of process 7 on here" }),
    ]);
    await bed.check();
    expect((await bed.standing())[0]).toContain("is still queued: waits for the prune of process 7");
  });

  test("a failed verification and a failed drill stand until a later one passes", async () => {
    const bed = openBed();
    const at = bed.clock.now();
    await bed.deps.state.createRun(
      makeRun("b1", {
        status: "succeeded",
        createdAt: at,
        backupId: "k3",
        result: { verified: false, drill: "failed" },
      }),
    );
    await bed.check();
    expect(bed.told).toEqual(["raised not_verified"]);
    await bed.deps.state.createRun(makeRun("v1", { kind: "verify", status: "succeeded", createdAt: at + 1 }));
    await bed.check();
    expect(bed.told).toEqual(["raised not_verified", "resolved not_verified"]);
    const error = { code: "verify_failed", stage: "verify", message: "a byte is wrong", hint: null } as const;
    await bed.deps.state.createRun(makeRun("v2", { kind: "verify", status: "failed", createdAt: at + 2, error }));
    await bed.check();
    expect(await bed.standing()).toEqual(["a byte is wrong"]);
    await bed.deps.state.createRun(
      makeRun("b2", { status: "succeeded", createdAt: at + 3, result: { verified: true } }),
    );
    await bed.check();
    expect(await bed.standing()).toEqual([]);
  });

  test("a backup that was never drilled has not failed a drill", async () => {
    const bed = openBed();
    const createdAt = bed.clock.now();
    await bed.deps.state.createRun(
      makeRun("b1", { status: "succeeded", createdAt, backupId: "k3", result: { verified: false } }),
    );
    await bed.check();
    expect(bed.told).toEqual([]);
  });

  test("a prune that failed after the commit is told with its stage", async () => {
    const bed = openBed();
    const warnings = ["prune: the bucket refuses", "table x was empty"];
    await bed.deps.state.createRun(makeRun("b1", { status: "succeeded", createdAt: bed.clock.now(), warnings }));
    await bed.check();
    expect(bed.told).toEqual(["raised after_commit prune"]);
  });

  test("nothing stands for a project that was disabled, and alerts of projects of others are left alone", async () => {
    const bed = openBed();
    await mark(bed, bed.clock.now() + 1_000 * hour);
    await bed.check();
    expect(bed.told).toEqual(["raised rpo"]);
    await bed.check({ name: "other" });
    expect(bed.told).toEqual(["raised rpo"]);
    await bed.check({ enabled: false });
    expect(bed.told).toEqual(["raised rpo", "resolved rpo"]);
  });
});
