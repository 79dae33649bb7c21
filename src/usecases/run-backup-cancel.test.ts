import { describe, expect, test } from "bun:test";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import { back, backUpOnce, expectNothingLeft } from "../../tests/support/run-fake-backup.ts";

const checksum = { enabled: false, level: "checksum", rowCounts: "exact", drillOn: "project" } as const;

describe("a cancel", () => {
  const before = [
    "run.started",
    "run.pre_hook_done",
    "dump.part_open",
    "dump.part_durable",
    "dump.parts_durable",
  ] as const;
  for (const point of before) {
    test(`at ${point} leaves nothing`, async () => {
      const world = openTestDeps({ encrypted: true, project: { verification: { ...checksum, enabled: true } } });
      world.knobs.onPoint = (reached) => reached === point && world.abort();
      const run = await back(world);
      expect(run).toMatchObject({ status: "cancelled", error: { code: "cancelled" } });
      expectNothingLeft(world, "one", "two");
    });
  }

  test("in the middle of a dump leaves nothing", async () => {
    const world = openTestDeps();
    world.server.faults.onChunk = (bytes) => {
      if (bytes >= 2_000) world.abort();
    };
    expect(await back(world)).toMatchObject({ status: "cancelled", error: { code: "cancelled", stage: "dump" } });
    expectNothingLeft(world, "one", "two");
  });

  test("while copies are verified leaves nothing", async () => {
    const world = openTestDeps({ project: { verification: { ...checksum, enabled: true } } });
    world.store("one").faults.push({ on: "read" });
    const running = back(world);
    while (!world.store("one").calls.some((call) => call.startsWith("read"))) await Bun.sleep(1);
    world.abort();
    expect((await running).status).toBe("cancelled");
    expectNothingLeft(world, "one", "two");
  });

  for (const point of [
    "commit.before_manifest",
    "commit.manifest_written",
    "commit.first_storage_done",
    "run.committed",
  ] as const) {
    test(`at ${point} no longer stops the commit: every storage holds the backup, and nothing is pruned`, async () => {
      const world = openTestDeps();
      await backUpOnce(world);
      world.project = { ...world.project, retention: { keepLast: 1 } };
      world.knobs.onPoint = (reached) => reached === point && world.abort();
      const run = await back(world);
      expect(run).toMatchObject({ status: "succeeded", partial: false });
      for (const name of ["one", "two"]) expect(world.store(name).keys("manifest.json").length).toBe(2);
      expect(world.memory.backups.get(run.backupId!)!.storages).toEqual(["one", "two"]);
    });
  }
});
