// Random histories against a model: whatever succeeded, failed, was killed, pruned, pinned or lost before, every backup
// that is listed is whole and restores to what was dumped, and nothing that the rules keep is gone.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../../src/domain/error.ts";
import { planRetention, type RetentionCandidate } from "../../src/domain/retention/plan-retention.ts";
import type { RetentionPolicy } from "../../src/domain/retention/retention-policy.ts";
import type { Run } from "../../src/domain/run/run.ts";
import type { CrashPoint } from "../../src/usecases/deps.ts";
import { pinBackup } from "../../src/usecases/pin-backup.ts";
import { pruneBackups } from "../../src/usecases/prune-backups.ts";
import { readCatalog, readManifest } from "../../src/usecases/read-catalog.ts";
import { runBackup } from "../../src/usecases/run-backup.ts";
import { verifyBackup } from "../../src/usecases/verify-backup.ts";
import { day, openTestDeps, type TestDeps } from "../support/fake-deps.ts";
import { describeFakeTables } from "../support/fake-source.ts";
import { restore } from "../support/run-fake-restore.ts";

const storages = ["one", "two"] as const;
type Storage = (typeof storages)[number];

const operations = ["probe", "open", "write", "close", "create", "read", "find", "list", "delete"] as const;
const points: readonly CrashPoint[] = [
  "run.started",
  "dump.part_open",
  "dump.part_durable",
  "dump.parts_durable",
  "commit.before_manifest",
  "commit.manifest_written",
  "commit.first_storage_done",
  "run.committed",
  "prune.manifest_deleted",
  "prune.part_deleted",
];

const policies = fc.oneof(
  fc.constant(null),
  fc.record({ keepLast: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ keepDaily: fc.integer({ min: 1, max: 3 }), keepLast: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ maxAgeDays: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ maxTotalSizeBytes: fc.integer({ min: 1, max: 3_000 }) }),
);

const steps = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("run" as const), policy: policies }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("fail" as const),
      storage: fc.constantFrom(...storages),
      on: fc.constantFrom(...operations),
      times: fc.integer({ min: 1, max: 3 }),
      after: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("break source" as const), bytes: fc.integer({ min: 0, max: 3_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), at: fc.constantFrom(...points) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("kill" as const), at: fc.constantFrom(...points), policy: policies }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("prune" as const), policy: policies }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), hours: fc.integer({ min: 1, max: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("step back" as const), hours: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("verify" as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pin" as const), which: fc.nat(20), pinned: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose state" as const) }) },
);
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

/** What must be true of one backup, wherever it is listed. */
interface Known {
  readonly content: string;
  createdAt: number;
  pinned: boolean;
  readonly verifiedAt: Map<Storage, number>;
}

class Story {
  readonly known = new Map<string, Known>();
  readonly committed: Record<Storage, Set<string>> = { one: new Set(), two: new Set() };
  hasLostState = false;
  private serial = 0;
  readonly world: TestDeps;

  constructor(world: TestDeps) {
    this.world = world;
  }

  async take(step: Step): Promise<void> {
    const { world } = this;
    switch (step.do) {
      case "run":
        await this.run(step.policy);
        break;
      case "fail":
        world.store(step.storage).faults.push({
          on: step.on,
          times: step.times,
          after: step.after && (step.on === "create" || step.on === "close"),
          error: new AppError("storage_failed", "the model says so"),
        });
        await this.run(null);
        world.store(step.storage).faults.length = 0;
        break;
      case "break source":
        world.server.faults.failAfterBytes = step.bytes;
        await this.run(null);
        delete world.server.faults.failAfterBytes;
        break;
      case "cancel": {
        const controller = new AbortController();
        world.knobs.onPoint = (point) => point === step.at && controller.abort(new AppError("cancelled", "Ctrl-C"));
        await this.run(null, controller.signal);
        world.knobs.onPoint = () => {};
        break;
      }
      case "kill":
        await this.kill(step.at, step.policy);
        break;
      case "prune":
        await this.prune(step.policy);
        break;
      case "wait":
        await world.clock.advance(step.hours * 3_600_000);
        break;
      case "step back":
        world.clock.setNow(world.clock.now() - step.hours * 3_600_000);
        break;
      case "verify":
        await this.verify(step.which);
        break;
      case "pin":
        await this.pin(step.which, step.pinned);
        break;
      case "lose state":
        world.loseState();
        this.hasLostState = true;
    }
    await this.check();
  }

  /** New content, then one run; the policy is applied after it. */
  private async attempt(policy: RetentionPolicy | null, signal = this.world.signal): Promise<Run> {
    const { world } = this;
    await world.clock.advance(1_500);
    const orders = Array.from({ length: 5 + (this.serial % 7) * 20 }, (_, row) => `run ${this.serial} row ${row}`);
    world.server.databases.set("shop", new Map([["orders", orders]]));
    this.serial += 1;
    world.project = { ...world.project, retention: policy };
    const { project } = world;
    const run = await runBackup(world.deps, { project, type: "manual", schedule: null, signal });
    await world.flush();
    if (run.backupId !== null) {
      const content = describeFakeTables(world.server.databases.get("shop"));
      const createdAt = world.clock.now();
      this.known.set(run.backupId, { content, createdAt, pinned: false, verifiedAt: new Map() });
    }
    return run;
  }

  private async run(policy: RetentionPolicy | null, signal?: AbortSignal): Promise<void> {
    const run = await this.attempt(policy, signal);
    if (run.status !== "succeeded") return;
    for (const storage of run.result["storages"] as Storage[]) {
      this.committed[storage].add(run.backupId!);
      // Verified on its way to the commit.
      if (await this.isVerified(storage, run.backupId!))
        this.known.get(run.backupId!)!.verifiedAt.set(storage, run.finishedAt!);
      const hasPruned = !run.warnings.some((warning) => warning.startsWith("prune:"));
      if (hasPruned) this.expire(storage, policy);
    }
  }

  private async isVerified(storage: Storage, id: string): Promise<boolean> {
    return this.world.store(storage).keys(`${id}.verified.json`).length > 0;
  }

  /** From the point on nothing that the process does has an effect any more. */
  private async kill(at: CrashPoint, policy: RetentionPolicy | null): Promise<void> {
    const { world } = this;
    const dead = new AppError("internal", "killed");
    world.knobs.onPoint = (point) => {
      if (point !== at) return;
      for (const storage of storages)
        for (const on of operations) world.store(storage).faults.push({ on, error: dead });
      world.knobs.onState = () => {
        throw dead;
      };
    };
    const before = { one: new Set(this.committed.one), two: new Set(this.committed.two) };
    const run = await this.attempt(policy);
    const isDead = world.store("one").faults.length > 0;
    world.knobs.onPoint = () => {};
    world.knobs.onState = () => {};
    for (const storage of storages) world.store(storage).faults.length = 0;
    world.locks.holders.clear();
    for (const storage of storages) {
      const listed = await this.listed(storage);
      if (run.backupId !== null && listed.has(run.backupId)) {
        this.committed[storage].add(run.backupId);
        before[storage].add(run.backupId);
        if (await this.isVerified(storage, run.backupId))
          this.known.get(run.backupId)!.verifiedAt.set(storage, run.finishedAt!);
      }
      // A prune that was cut short has removed some of what it may remove, and nothing else.
      this.expire(storage, policy);
      for (const id of before[storage]) {
        if (!this.committed[storage].has(id) && listed.has(id)) {
          expect(isDead || run.warnings.length > 0).toBe(true);
          this.committed[storage].add(id);
        }
      }
    }
  }

  private async prune(policy: RetentionPolicy | null): Promise<void> {
    const { world } = this;
    world.project = { ...world.project, retention: policy };
    const run = await pruneBackups(world.deps, { project: world.project, signal: world.signal });
    await world.flush();
    expect(run.status).toBe("succeeded");
    for (const storage of storages) this.expire(storage, policy);
  }

  /** What the rules remove on a storage, told from the model alone. */
  private expire(storage: Storage, policy: RetentionPolicy | null): void {
    const { world } = this;
    const candidates: RetentionCandidate[] = [...this.committed[storage]].map((id) => {
      const { createdAt, pinned, verifiedAt } = this.known.get(id)!;
      const sizeBytes = world.store(storage).objects.get(world.store(storage).keys(`${id}.dump.gz`)[0] ?? "")
        ?.bytes.length;
      return {
        id,
        createdAt,
        sizeBytes: sizeBytes ?? this.sizes.get(id) ?? 0,
        type: "manual",
        pinned,
        verifiedAt: verifiedAt.get(storage) ?? null,
        hasFailed: false,
      };
    });
    const { remove } = planRetention(candidates, policy, {
      now: world.clock.now(),
      timeZone: "UTC",
      maxRetentionDays: null,
      safetyDays: 7,
      isBaseDir: false,
    });
    for (const { id } of remove) this.committed[storage].delete(id);
  }

  private readonly sizes = new Map<string, number>();

  private pick(which: number): string | undefined {
    const ids = [...new Set([...this.committed.one, ...this.committed.two])].toSorted();
    return ids[which % Math.max(1, ids.length)];
  }

  private async verify(which: number): Promise<void> {
    const reference = this.pick(which);
    if (reference === undefined) return;
    const { project, deps, signal, clock } = this.world;
    const run = await verifyBackup(deps, { project, reference, level: "structure", signal });
    expect(run.status).toBe("succeeded");
    for (const storage of storages) {
      if (this.committed[storage].has(reference)) this.known.get(reference)!.verifiedAt.set(storage, clock.now());
    }
  }

  private async pin(which: number, pinned: boolean): Promise<void> {
    const reference = this.pick(which);
    if (reference === undefined) return;
    const { project, deps, signal } = this.world;
    await pinBackup(deps, { project, reference, pinned, reason: null, log: () => {}, signal });
    this.known.get(reference)!.pinned = pinned;
  }

  private async listed(storage: Storage): Promise<Set<string>> {
    const { entries } = await readCatalog(this.world.store(storage), "shop", this.world.signal);
    return new Set(entries.map(({ backupId }) => backupId));
  }

  async check(): Promise<void> {
    const { world } = this;
    expect(world.server.open.size).toBe(0);
    expect(world.locks.holders.size).toBe(0);
    for (const storage of storages) {
      const store = world.store(storage);
      expect([...(await this.listed(storage))].toSorted()).toEqual([...this.committed[storage]].toSorted());
      const { entries } = await readCatalog(store, "shop", world.signal);
      for (const { stem, backupId } of entries) {
        const { parts, startedAt } = await readManifest(store, stem, world.signal);
        this.known.get(backupId)!.createdAt = Date.parse(startedAt);
        for (const part of parts) {
          expect(store.objects.get(part.key)?.bytes.length).toBe(part.storedBytes);
          this.sizes.set(backupId, part.storedBytes);
        }
      }
    }
  }

  /** Every backup from every storage that lists it. */
  async restoreAll(): Promise<void> {
    const { server } = this.world;
    for (const storage of storages) {
      for (const reference of this.committed[storage]) {
        const run = await restore(this.world, { reference, storage, intoDatabase: "restored" });
        expect(run.error).toBeNull();
        expect(describeFakeTables(server.databases.get("restored"))).toBe(this.known.get(reference)!.content);
        server.databases.delete("restored");
      }
    }
  }

  /** Long after, with every run over, nothing is left beside the backups. */
  async tidy(): Promise<void> {
    await this.world.clock.advance(200 * day);
    await this.prune(null);
    await this.check();
    if (this.hasLostState) return;
    for (const storage of storages) {
      const { orphans } = await readCatalog(this.world.store(storage), "shop", this.world.signal);
      expect(orphans.map(({ object }) => object.key)).toEqual([]);
    }
  }
}

const cases = Number(process.env["BACKUPCTL_MODEL_RUNS"] ?? 60);

test("every committed and unexpired backup restores to what was dumped, and nothing is half listed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 14 }), fc.boolean(), async (history, verifies) => {
      const verification = { enabled: verifies, level: "structure", rowCounts: "exact", drillOn: "project" } as const;
      const story = new Story(openTestDeps({ storages, project: { verification } }));
      for (const step of history) await story.take(step);
      await story.restoreAll();
      await story.tidy();
    }),
    { numRuns: cases },
  );
}, 120_000);
