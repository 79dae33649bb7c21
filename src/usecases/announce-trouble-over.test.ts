import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { AppError } from "../domain/error.ts";
import type { ChannelSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import { executeRun } from "./execute-run.ts";

const channel = (name: string, type: string): ChannelSpec => ({
  name,
  type,
  settings: {},
  on: ["all"],
  projects: ["shop"],
});

describe("a receiver that keeps a trouble open", () => {
  const channels = [channel("ops", "webhook"), channel("duty", "pagerduty")];
  const work = (kind: Run["kind"], fails: boolean) => async (world: TestDeps) =>
    executeRun(world.deps, { project: "shop", kind, trigger: "manual", signal: world.signal }, async () => {
      if (fails) throw new AppError("verify_failed", "it does not restore");
    });

  test.each(["verify", "prune", "check"] as const)("hears that a failed %s is over, nobody else does", async (kind) => {
    const world = openTestDeps({ storages: ["one"], project: { channels } });
    await work(kind, true)(world);
    const opened = world.notices.map(({ subject }) => subject);
    expect(new Set(opened)).toEqual(new Set([`shop/${kind}`]));
    world.notices.length = 0;
    await work(kind, false)(world);
    expect(world.notices.map(({ event, subject }) => [event, subject])).toEqual([["trouble_over", `shop/${kind}`]]);
  });

  test("hears it of a drill that passed, for that of an earlier backup may have failed", async () => {
    const world = openTestDeps({ storages: ["one"], project: { channels } });
    const run = await executeRun(
      world.deps,
      { project: "shop", kind: "backup", trigger: "manual", signal: world.signal },
      async (active) => active.report({ drill: "passed" }),
    );
    expect(run.status).toBe("succeeded");
    const over = world.notices.filter(({ event }) => event === "trouble_over");
    expect(over.map(({ subject }) => subject)).toEqual(["shop/verify"]);
  });
});
