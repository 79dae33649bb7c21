import { describe, expect, test } from "bun:test";
import { AppError } from "../../domain/error.ts";
import type { LogLine } from "../../domain/run/run.ts";
import { makeBackup, makeRun, makeVerification } from "../../ports/state-store-samples.contract.ts";
import type { StateStore } from "../../ports/state-store.ts";
import { replayJournal } from "../../usecases/replay-journal.ts";
import { createMemoryJournal, openMemoryJournal } from "../fallback-journal/memory/index.ts";
import { createMemoryState, openMemoryStateStore } from "./memory/index.ts";
import { openOnDemand } from "./open-on-demand.ts";
import { withFallback, type FallbackOptions } from "./with-fallback.ts";

const line = (message: string): LogLine => ({ at: 1, level: "info", message, stage: null });

function openBed(options: Partial<FallbackOptions> = {}) {
  const memory = createMemoryState();
  const kept = createMemoryJournal();
  const journal = openMemoryJournal(kept);
  const real = openMemoryStateStore(memory);
  const knobs = { isDown: false, losesAnswers: false, calls: 0 };
  const told: AppError[] = [];
  const flaky = new Proxy(real, {
    get(target, name: keyof StateStore) {
      const value: unknown = target[name];
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        knobs.calls += 1;
        if (knobs.isDown && !knobs.losesAnswers) throw new AppError("state_failed", "the store is gone");
        const result: unknown = await (value as (...given: unknown[]) => unknown).apply(target, args);
        if (knobs.isDown) throw new AppError("state_failed", "the answer was lost");
        return result;
      };
    },
  });
  let ids = 0;
  const state = withFallback(flaky, {
    journal,
    now: () => 5,
    newId: () => `entry-${++ids}`,
    reads: "empty",
    onDown: (error) => told.push(error),
    ...options,
  });
  return { memory, kept, journal, knobs, told, state, real, reach: () => {} };
}

type Bed = ReturnType<typeof openBed>;

/** Everything that a run writes; `between` is called before each write. */
async function runThrough({ state }: Bed, between: (step: number) => void | Promise<void> = () => {}): Promise<void> {
  const run = makeRun("r1");
  const record = { stage: "dump", startedAt: 1, finishedAt: null, outcome: "running", message: null } as const;
  const steps = [
    () => state.createRun(run),
    () => state.appendLog("r1", [line("one"), line("two")]),
    () => state.saveStage("r1", record),
    () => state.updateRun("r1", { stage: "dump", heartbeatAt: 2, backupId: "b1" }),
    () => state.appendLog("r1", [line("three")]),
    () => state.updateRun("r1", { bytes: 10, heartbeatAt: 3 }),
    () => state.saveStage("r1", { ...record, finishedAt: 4, outcome: "succeeded" }),
    () => state.saveBackup(makeBackup("b1")),
    () => state.saveVerification("b1", makeVerification(7)),
    () => state.appendLog("r1", [line("four")]),
    () => state.updateRun("r1", { status: "succeeded", finishedAt: 9, bytes: 11, heartbeatAt: 9, stage: null }),
  ];
  for (const [step, write] of steps.entries()) {
    await between(step);
    await write();
  }
}
const stepCount = 11;

describe("a state store with a fallback", () => {
  test("without trouble nothing goes to the journal", async () => {
    const bed = openBed();
    await runThrough(bed);
    expect(bed.kept.entries).toEqual([]);
    expect(bed.memory.runs.get("r1")?.status).toBe("succeeded");
  });

  for (const losesAnswers of [false, true]) {
    const how = losesAnswers ? "loses its answers" : "goes away";
    test(`that ${how} before any write gives the same rows after the replay as one that stayed`, async () => {
      const untouched = openBed();
      await runThrough(untouched);
      for (let at = 0; at < stepCount; at++) {
        for (let back = at + 1; back <= stepCount; back++) {
          const bed = openBed();
          bed.knobs.losesAnswers = losesAnswers;
          await runThrough(bed, async (step) => {
            if (step === at) bed.knobs.isDown = true;
            if (step !== back) return;
            bed.knobs.isDown = false;
            await replayJournal(bed);
          });
          bed.knobs.isDown = false;
          const report = await replayJournal(bed);
          expect(report.rejected).toEqual([]);
          expect(bed.kept.entries).toEqual([]);
          for (const name of ["runs", "stages", "logs", "backups"] as const) {
            expect(bed.memory[name]).toEqual(untouched.memory[name] as never);
          }
          expect(bed.told).toHaveLength(1);
        }
      }
    });
  }

  test("a store that comes back is written again only after the replay, so that the order stays", async () => {
    const bed = openBed();
    await bed.state.createRun(makeRun("r1"));
    bed.knobs.isDown = true;
    await bed.state.appendLog("r1", [line("one")]);
    bed.knobs.isDown = false;
    await bed.state.appendLog("r1", [line("two")]);
    expect(bed.memory.logs.get("r1") ?? []).toEqual([]);
    await replayJournal(bed);
    await bed.state.appendLog("r1", [line("three")]);
    expect(bed.kept.entries).toEqual([]);
    expect(bed.memory.logs.get("r1")?.map(({ message }) => message)).toEqual(["one", "two", "three"]);
  });

  test("while it is down it is not asked, and signs of life are not kept", async () => {
    const bed = openBed({ isDown: true });
    bed.knobs.isDown = true;
    await bed.state.createRun(makeRun("r1"));
    await bed.state.updateRun("r1", { heartbeatAt: 8, bytes: 9 });
    expect(await bed.state.listRuns({ limit: 5 })).toEqual([]);
    expect(bed.knobs.calls).toBe(0);
    expect(bed.kept.entries).toHaveLength(1);
    expect(bed.told).toEqual([]);
  });

  test("questions fail where emptiness would mislead", async () => {
    const bed = openBed({ reads: "fail" });
    bed.knobs.isDown = true;
    await expect(bed.state.listRuns({ limit: 5 })).rejects.toMatchObject({ code: "state_failed" });
    bed.knobs.isDown = false;
    expect(await bed.state.listRuns({ limit: 5 })).toEqual([]);
  });

  test("what the store refuses is an error as ever, not kept", async () => {
    const bed = openBed();
    await expect(bed.state.updateRun("nobody", { bytes: 1 })).rejects.toMatchObject({ code: "state_failed" });
    await expect(bed.state.savePin("nobody", true)).rejects.toMatchObject({ code: "backup_not_found" });
    expect(bed.kept.entries).toEqual([]);
    expect(bed.told).toEqual([]);
  });

  test("what is kept of a run begins with the run, for a store that comes back empty", async () => {
    const bed = openBed();
    await bed.state.createRun(makeRun("r1"));
    bed.knobs.isDown = true;
    await bed.state.updateRun("r1", { status: "failed", finishedAt: 3 });
    bed.knobs.isDown = false;
    bed.memory.runs.clear();
    expect((await replayJournal(bed)).rejected).toEqual([]);
    expect(bed.memory.runs.get("r1")?.status).toBe("failed");
  });

  test("other calls go to the store and fail with it", async () => {
    const bed = openBed();
    bed.knobs.isDown = true;
    await expect(bed.state.listDueChannels(1)).rejects.toMatchObject({ code: "state_failed" });
    await expect(bed.state.migrate()).rejects.toMatchObject({ code: "state_failed" });
  });
});

describe("the replay of the journal", () => {
  test("stops where the store goes away again, and goes on there the next time", async () => {
    const bed = openBed({ isDown: true });
    await bed.state.createRun(makeRun("r1"));
    for (const text of ["one", "two", "three"]) await bed.state.appendLog("r1", [line(text)]);
    let calls = 0;
    const dying = {
      replay: async (kept: never) =>
        ++calls > 2 ? Promise.reject(new AppError("state_failed", "x")) : bed.real.replay(kept),
    };
    await expect(replayJournal({ ...bed, state: dying as never })).rejects.toThrow("x");
    expect(bed.kept.entries).toHaveLength(2);
    await replayJournal({ ...bed, state: bed.real });
    expect(bed.memory.logs.get("r1")?.map(({ message }) => message)).toEqual(["one", "two", "three"]);
  });

  test("a crash before an entry was removed repeats it without effect", async () => {
    const bed = openBed({ isDown: true });
    await bed.state.createRun(makeRun("r1"));
    await bed.state.appendLog("r1", [line("one")]);
    const entries = [...bed.kept.entries];
    await replayJournal(bed);
    bed.kept.entries = entries;
    await replayJournal(bed);
    expect(bed.memory.logs.get("r1")).toHaveLength(1);
    expect(bed.kept.entries).toEqual([]);
  });

  test("what can never be stored is set aside and does not stand in the way", async () => {
    const bed = openBed();
    const entry = (id: string, payload: unknown) => ({ id, type: "audit", payload, timestamp: 1 }) as const;
    await bed.journal.append(
      entry("a", { op: "updateRun", id: "nobody", changes: {} }),
      entry("b", "no object"),
      entry("c", { op: "createRun" }),
      entry("d", { op: "createRun", run: makeRun("r1") }),
    );
    const report = await replayJournal(bed);
    expect(report).toMatchObject({ replayed: 1, damagedLines: 0 });
    expect(bed.kept.rejected.map(({ entry: { id } }) => id)).toEqual(["a", "b", "c"]);
    expect(bed.memory.runs.has("r1")).toBe(true);
  });
});

describe("a state store that is opened on demand", () => {
  test("is tried again at each call until it opens, and then stays", async () => {
    let attempts = 0;
    const store = openOnDemand("somewhere", async () => {
      attempts += 1;
      if (attempts < 3) throw new AppError("state_failed", "not yet");
      return openMemoryStateStore();
    });
    expect(store.location).toBe("somewhere");
    await expect(store.listRuns({ limit: 1 })).rejects.toThrow("not yet");
    await expect(store.countRuns({})).rejects.toThrow("not yet");
    expect(await store.countRuns({})).toBe(0);
    expect(await store.countRuns({})).toBe(0);
    expect(attempts).toBe(3);
    await store[Symbol.asyncDispose]();
  });

  test("one that was never opened is closed without opening it", async () => {
    const store = openOnDemand("somewhere", () => Promise.reject(new AppError("state_failed", "opened")));
    expect(await Promise.resolve(store)).toBeDefined();
    await store[Symbol.asyncDispose]();
  });
});
