import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { RunEvent } from "../domain/run/run.ts";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { recordRunEvents } from "./record-run-events.ts";
import { runHook } from "./run-hook.ts";
import { atStage, stageOf, tagStage } from "./stage-error.ts";

function execute(world: TestDeps, work: (run: ActiveRun) => Promise<void>) {
  return executeRun(world.deps, { project: "shop", kind: "backup", trigger: "manual", signal: world.signal }, work);
}

describe("a run", () => {
  test("has an id of the form of a UUID, an owner and its times", async () => {
    const world = openTestDeps();
    const run = await execute(world, () => world.clock.advance(5_000));
    expect(run.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(run.finishedAt! - run.startedAt!).toBe(5_000);
    expect(run.owner).toEqual(world.deps.owner);
  });

  test("belongs to the innermost stage that failed, and outer stages fail with it", async () => {
    const world = openTestDeps();
    const run = await execute(world, (active) =>
      active.stage("dump", () => active.stage("verify", () => Promise.reject(new Error("odd")))),
    );
    expect(run).toMatchObject({
      status: "failed",
      error: { code: "internal", stage: "verify", message: "odd", hint: null },
    });
    const failed = world.events.flatMap((event) =>
      event.type === "stage" && event.record.outcome === "failed" ? [event.record.stage] : [],
    );
    expect(failed).toEqual(["verify", "dump"]);
  });

  test("without a stage belongs to the dump", async () => {
    const run = await execute(openTestDeps(), () => Promise.reject(new AppError("usage", "no")));
    expect(run.error!.stage).toBe("dump");
  });

  test("says what broke after a cancel only as the cancel", async () => {
    const world = openTestDeps();
    const run = await execute(world, (active) =>
      active.stage("sync", async () => {
        world.abort();
        throw new AppError("storage_failed", "the socket was closed");
      }),
    );
    expect(run).toMatchObject({ status: "cancelled", error: { code: "cancelled", stage: "sync" } });
  });

  test("is returned as it is told: without a secret", async () => {
    const { deps, signal } = openTestDeps();
    const redact = (text: string): string => text.replaceAll("canary", "********");
    const request = { project: "shop", kind: "backup", trigger: "manual", signal } as const;
    const run = await executeRun({ ...deps, redact }, request, async (active) => {
      active.warn("odd canary");
      active.report({ path: "/a/canary" });
      throw new AppError("source_failed", "no canary", { hint: "mend the canary" });
    });
    expect(JSON.stringify(run)).not.toContain("canary");
    expect(run).toMatchObject({
      warnings: ["odd ********"],
      error: { message: "no ********", hint: "mend the ********" },
      result: { path: "/a/********" },
    });
  });

  test("keeps each warning once, and its results together", async () => {
    const run = await execute(openTestDeps(), async (active) => {
      active.warn("twice");
      active.warn("twice");
      active.report({ a: 1, b: 1 });
      active.report({ b: 2 });
    });
    expect(run).toMatchObject({ warnings: ["twice"], result: { a: 1, b: 2 } });
  });

  test("tells its progress five times a second at most, with a total only where one is known", async () => {
    const world = openTestDeps();
    const run = await execute(world, async (active) => {
      active.advance(1);
      active.advance(2);
      await world.clock.advance(200);
      active.advance(3, 10);
      active.advance(4, 10);
    });
    const told = world.events.flatMap((event) => (event.type === "progress" ? [event.progress] : []));
    expect(told).toEqual([
      { stage: "dump", bytesDone: 1 },
      { stage: "dump", bytesDone: 3, bytesTotal: 10 },
    ]);
    expect(run.bytes).toBe(4);
  });
});

describe("the record of a run", () => {
  test("has its stages, its lines in order, its bytes while it runs, and its end", async () => {
    const world = openTestDeps();
    let during: unknown;
    const run = await execute(world, async (active) => {
      for (let line = 0; line < 450; line++) active.log("info", `line ${line}`);
      await active.stage("dump", async () => {
        active.update({ backupId: "abcd1234" });
        active.advance(77);
        await active.stage("verify", async () => {});
        await world.flush();
        during = structuredClone(world.memory.runs.get(active.id));
      });
    });
    await world.flush();
    expect(during).toMatchObject({ status: "running", stage: "verify", backupId: "abcd1234", bytes: 77 });
    expect(world.memory.runs.get(run.id)).toEqual(run);
    expect([...world.memory.stages.get(run.id)!.keys()]).toEqual(["dump", "verify"]);
    const lines = world.memory.logs.get(run.id)!.map(({ message }) => message);
    expect(lines).toEqual(Array.from({ length: 450 }, (_, line) => `line ${line}`));
  });

  test("beats every five seconds of progress", async () => {
    const world = openTestDeps();
    const updates: unknown[] = [];
    const state = {
      ...world.deps.state,
      updateRun: async (_id: string, changes: unknown) => void updates.push(changes),
    };
    const recorder = recordRunEvents({ state, clock: world.clock }, () => {});
    const progress = (bytesDone: number): RunEvent => ({
      type: "progress",
      runId: "r",
      progress: { stage: "dump", bytesDone },
    });
    for (let at = 0; at < 11; at++) {
      recorder.emit(progress(at));
      await world.clock.advance(1_000);
    }
    await recorder.flush();
    expect(updates).toMatchObject([{ bytes: 0 }, { bytes: 5 }, { bytes: 10 }]);
  });

  test("that cannot be written is reported once, and what can be written later is", async () => {
    const world = openTestDeps();
    let broken = true;
    world.knobs.onState = (method) => {
      if (broken && method === "saveStage") throw new Error("disk");
    };
    const run = await execute(world, async (active) => {
      await active.stage("dump", async () => {});
      await active.stage("verify", async () => {});
      await world.flush();
      broken = false;
    });
    await world.flush();
    expect(world.storeErrors.length).toBe(1);
    expect(world.memory.runs.get(run.id)!.status).toBe("succeeded");
  });
});

describe("stages of errors", () => {
  test("the first tag stays", () => {
    const error = tagStage(tagStage(new Error("x"), "encrypt"), "sync");
    expect(stageOf(error)).toBe("encrypt");
    expect(stageOf(new AppError("usage", "x"))).toBeUndefined();
  });

  test("an error of the consumer is not the stream's, and leaving ends the producer", async () => {
    let ended = false;
    async function* producer(): AsyncGenerator<Uint8Array> {
      try {
        while (true) yield new Uint8Array(1);
      } finally {
        ended = true;
      }
    }
    const own = new AppError("storage_failed", "mine");
    const consume = (async () => {
      for await (const _chunk of atStage("dump", producer())) throw own;
    })();
    await expect(consume).rejects.toBe(own);
    expect(stageOf(own)).toBeUndefined();
    expect(ended).toBe(true);
  });
});

test("a hook that is not configured does not run", async () => {
  const world = openTestDeps();
  await execute(world, (run) => runHook(world.deps, run, world.project, "pre", "running", world.signal));
  expect(world.hookCalls).toEqual([]);
});
