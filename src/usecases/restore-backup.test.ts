import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { SourceSpec } from "../domain/project/project.ts";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { describeFakeTables, tablesOf } from "../../tests/support/fake-source.ts";
import { manifest as sampleManifest } from "../../tests/support/sample-manifest.ts";
import { back, backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { restore } from "../../tests/support/run-fake-restore.ts";
import { fromFirstGoodStorage } from "./restore-backup.ts";
import { fullRestore } from "../ports/source.ts";

const assets = { name: "assets", type: "files", settings: { paths: ["/uploads"], exclude: [] } };

const counting = { enabled: true, level: "checksum", rowCounts: "exact", drillOn: "project" } as const;

const contentOf = (world: TestDeps, place: string): string => describeFakeTables(world.server.databases.get(place));

/** A world with one backup of `shop` and something else in `other`. */
async function filled(options: TestDepsOptions = {}): Promise<TestDeps> {
  const world = openTestDeps({ ...options, project: { verification: counting, ...options.project } });
  await backUpOnce(world);
  world.server.databases.set("other", tablesOf({ precious: ["a", "b"] }));
  world.server.calls.length = 0;
  for (const name of ["one", "two"]) world.store(name).calls.length = 0;
  return world;
}

describe("restoring into a new database", () => {
  test("gives the same content, compared with the dump's rows, and leaves the project's own alone", async () => {
    const world = await filled({ encrypted: true });
    const before = contentOf(world, "shop");
    const run = await restore(world);
    expect(run).toMatchObject({ status: "succeeded", kind: "restore", warnings: [] });
    expect(contentOf(world, "copy")).toBe(before);
    expect(contentOf(world, "shop")).toBe(before);
    expect(run.result).toMatchObject({
      database: { tables: 3, rows: 201, compared: true, storage: "one", into: "copy" },
      restoreMs: 0,
    });
    expect(world.points).toContain("restore.committed");
    expect(world.locks.holders.size).toBe(0);
    expect(world.server.open.size).toBe(0);
  });

  test("tells how much there is to restore", async () => {
    const world = await filled();
    world.events.length = 0;
    await restore(world);
    const told = world.events.flatMap((event) => (event.type === "progress" ? [event.progress] : []));
    expect(told[0]!.bytesTotal).toBeGreaterThan(0);
  });

  test("protects the backup from prune for as long as it reads", async () => {
    const world = await filled();
    let during: string[] = [];
    world.server.faults.onRestored = () => void (during = [...world.locks.holders.keys()]);
    await restore(world);
    expect(during).toEqual(["shop", "shop.reading.0"]);
    expect(world.locks.holders.size).toBe(0);
  });

  test("restores roles before everything else", async () => {
    const world = openTestDeps();
    world.server.faults.hasGlobals = true;
    await backUpOnce(world);
    expect((await restore(world)).status).toBe("succeeded");
    const restored = world.server.calls.filter((call) => call.startsWith("restore"));
    expect(restored).toEqual(["restore copy (globals.sql)", "restore copy (dump)"]);
  });

  test("is refused when something is there, which stays", async () => {
    const world = await filled();
    const run = await restore(world, { intoDatabase: "other" });
    expect(run).toMatchObject({ status: "failed", error: { code: "target_not_empty", stage: "restore" } });
    expect(world.server.calls).toEqual([]);
  });

  test("is not compared with the dump when only a part of it was asked for", async () => {
    for (const options of [{ schemaOnly: true }, { dataOnly: true }, { tables: ["orders"] }]) {
      const world = await filled();
      const run = await restore(world, { options: { ...fullRestore, ...options } });
      expect(run.result).toMatchObject({ database: { compared: false } });
    }
  });

  test("passes on the source's warnings", async () => {
    const world = await filled();
    world.server.faults.restoreWarnings = ["an extension is missing"];
    expect((await restore(world)).warnings).toEqual(["an extension is missing"]);
  });

  test("of a database without tables has nothing to count", async () => {
    const world = openTestDeps({ project: { verification: counting } });
    world.server.databases.set("shop", tablesOf({}));
    await backUpOnce(world);
    expect((await restore(world)).result).toMatchObject({ database: { compared: true, tables: 0, rows: null } });
  });

  test("without counted rows compares nothing", async () => {
    const world = await filled({
      project: { verification: { ...counting, rowCounts: "off" } },
    });
    expect((await restore(world)).result).toMatchObject({ database: { compared: false } });
  });
});

describe("nothing is committed", () => {
  test("when the rows differ from the dump's", async () => {
    const world = await filled();
    world.server.faults.losesRows = true;
    const run = await restore(world);
    expect(run).toMatchObject({ status: "failed", error: { code: "restore_failed", stage: "restore" } });
    expect(run.error!.message).toContain("orders has 199 rows instead of 200");
    expect(world.server.databases.has("copy")).toBe(false);
    expect(world.server.calls).not.toContain("commit copy");
  });

  test.each([
    ["the restore fails", { restore: new AppError("restore_failed", "a role is missing") }, "restore_failed"],
    [
      "the target cannot be opened",
      { openTarget: new AppError("source_unreachable", "no server") },
      "source_unreachable",
    ],
    ["the swap fails", { commit: new AppError("restore_failed", "the name is taken") }, "restore_failed"],
  ] as const)("when %s, and no other storage is tried", async (_when, faults, code) => {
    const world = await filled();
    Object.assign(world.server.faults, faults);
    expect(await restore(world)).toMatchObject({ status: "failed", warnings: [], error: { code } });
    expect(world.server.databases.has("copy")).toBe(false);
    expect(world.server.open.size).toBe(0);
  });

  test("after a cancel", async () => {
    const world = await filled();
    world.server.faults.onRestored = () => world.abort();
    expect(await restore(world)).toMatchObject({ status: "cancelled", error: { code: "cancelled" } });
    expect(world.server.databases.has("copy")).toBe(false);
  });
});

describe("another storage", () => {
  const cases: Record<string, (world: TestDeps) => void> = {
    "whose part is damaged": (world) => world.store("one").flip(".dump.gz", 40),
    "whose part is gone": (world) => world.store("one").objects.delete(world.store("one").keys(".dump.gz")[0]!),
    "whose manifest is damaged": (world) => world.store("one").flip(".manifest.json", 3),
    "that cannot be read": (world) =>
      world.store("one").faults.push({ on: "read", key: ".dump.gz", error: new AppError("storage_failed", "reset") }),
    "that sends nothing more": (world) => world.store("one").faults.push({ on: "read", key: ".dump.gz", fromBytes: 1 }),
  };
  for (const [name, spoil] of Object.entries(cases)) {
    test(`is tried instead of one ${name}, with a warning`, async () => {
      const world = await filled({ settings: { stallTimeoutMs: 50 } });
      const before = contentOf(world, "shop");
      spoil(world);
      const run = await restore(world);
      expect(run).toMatchObject({ status: "succeeded", result: { database: { storage: "two" } } });
      expect(run.warnings.length).toBe(1);
      expect(run.warnings[0]).toContain("; trying two");
      expect(contentOf(world, "copy")).toBe(before);
    });
  }

  test("is not there: the copy's error is the run's", async () => {
    const world = await filled();
    for (const name of ["one", "two"]) world.store(name).flip(".dump.gz", 40);
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "backup_corrupt" } });
    expect(world.server.databases.has("copy")).toBe(false);
  });

  test("is not tried when one was asked for", async () => {
    const world = await filled();
    world.store("one").flip(".dump.gz", 40);
    expect(await restore(world, { storage: "one" })).toMatchObject({
      status: "failed",
      error: { code: "backup_corrupt" },
    });
  });

  test("is not tried after a cancel", async () => {
    const world = await filled();
    world.store("one").faults.push({ on: "read", key: ".dump.gz" });
    const restoring = restore(world);
    while (!world.store("one").calls.some((call) => call.startsWith("read") && call.endsWith(".dump.gz")))
      await Bun.sleep(1);
    world.abort();
    expect((await restoring).status).toBe("cancelled");
    expect(world.store("two").calls.some((call) => call.startsWith("read") && call.endsWith(".dump.gz"))).toBe(false);
  });
});

describe("a target that holds data", () => {
  test("is replaced only when somebody agrees", async () => {
    const world = await filled();
    const asked: string[] = [];
    const agree = async (database: string, state: { description: string }): Promise<boolean> => {
      asked.push(`${database}: ${state.description}`);
      return false;
    };
    const run = await restore(world, { intoDatabase: "other", mode: "drop", agree });
    expect(run).toMatchObject({ status: "failed", error: { code: "confirmation_required" } });
    expect(asked).toEqual(["other: 1 tables"]);
    expect(contentOf(world, "other")).toBe(JSON.stringify([["precious", ["a", "b"]]]));
  });

  test("is replaced at the end, and stays when the restore breaks", async () => {
    const world = await filled();
    world.server.faults.losesRows = true;
    await restore(world, { intoDatabase: "other", mode: "drop" });
    expect(contentOf(world, "other")).toBe(JSON.stringify([["precious", ["a", "b"]]]));
    world.server.faults.losesRows = false;
    expect((await restore(world, { intoDatabase: "other", mode: "drop" })).status).toBe("succeeded");
    expect(contentOf(world, "other")).toBe(contentOf(world, "shop"));
  });

  for (const mode of ["clean", "append"] as const) {
    test(`is not touched in mode ${mode} before every part was checked to its end`, async () => {
      const world = await filled();
      for (const name of ["one", "two"]) world.store(name).flip(".dump.gz", -3);
      const run = await restore(world, { intoDatabase: "other", mode });
      expect(run).toMatchObject({ status: "failed", error: { code: "backup_corrupt" } });
      expect(world.server.calls.filter((call) => call.startsWith("restore"))).toEqual([]);
      expect(contentOf(world, "other")).toBe(JSON.stringify([["precious", ["a", "b"]]]));
    });

    test(`is not filled a second time in mode ${mode} when reading fails after the check`, async () => {
      const world = await filled();
      const store = world.store("one");
      let reads = 0;
      const realRead = store.read.bind(store);
      store.read = async function* (key, options) {
        if (key.endsWith(".dump.gz") && ++reads === 2) throw new AppError("storage_failed", "reset");
        yield* realRead(key, options);
      };
      const run = await restore(world, { intoDatabase: "other", mode });
      expect(run).toMatchObject({ status: "failed", error: { code: "restore_failed" } });
      expect(run.error!.message).toContain("other was being changed in place when reading failed: reset");
      expect(world.store("two").calls.some((call) => call.startsWith("read") && call.endsWith(".dump.gz"))).toBe(false);
    });

    test(`keeps its own errors in mode ${mode}`, async () => {
      const world = await filled();
      world.server.faults.restore = new AppError("restore_failed", "a role is missing");
      const run = await restore(world, { intoDatabase: "other", mode });
      expect(run.error!.message).toBe("a role is missing");
    });
  }
});

describe("a safety backup", () => {
  const into = { intoDatabase: "other", mode: "drop", safetyBackup: true } as const;

  test("is made of what is there before it is replaced, on the target's first storage, and can be restored", async () => {
    const world = await filled({ encrypted: true });
    const run = await restore(world, into);
    expect(run.status).toBe("succeeded");
    const safetyId = run.result["safetyBackupId"] as string;
    expect(world.memory.backups.get(safetyId)).toMatchObject({ type: "safety", storages: ["one"] });
    expect(await restore(world, { reference: safetyId, intoDatabase: "again" })).toMatchObject({ status: "succeeded" });
    expect(contentOf(world, "again")).toBe(JSON.stringify([["precious", ["a", "b"]]]));
  });

  test("is not made when the target cannot be replaced anyway", async () => {
    const world = await filled();
    world.server.faults.openTarget = new AppError("restore_failed", "other is in use by psql");
    expect(await restore(world, into)).toMatchObject({ error: { message: "other is in use by psql" } });
    expect([...world.memory.runs.values()].filter(({ trigger }) => trigger === "safety")).toEqual([]);
  });

  test("that fails stops the restore before anything is touched", async () => {
    const world = await filled();
    world.store("one").faults.push({ on: "write", error: new AppError("disk_full", "no room") });
    const run = await restore(world, into);
    expect(run).toMatchObject({ status: "failed", error: { code: "restore_failed", stage: "restore" } });
    expect(run.error!.message).toContain("the safety backup of other failed, so the restore did not start: no room");
    expect(contentOf(world, "other")).toBe(JSON.stringify([["precious", ["a", "b"]]]));
    expect(world.server.calls.some((call) => /^(restore|commit) /.test(call))).toBe(false);
  });

  test("that was cancelled stops the restore", async () => {
    const world = await filled();
    world.server.faults.onChunk = () => world.abort();
    expect(await restore(world, into)).toMatchObject({ status: "cancelled" });
    expect(contentOf(world, "other")).toBe(JSON.stringify([["precious", ["a", "b"]]]));
  });

  test("needs no state store", async () => {
    const world = await filled();
    world.knobs.onState = (method) => {
      if (method === "saveBackup") throw new AppError("state_failed", "the disk is gone");
    };
    expect((await restore(world, into)).status).toBe("succeeded");
  });

  test("is not made for a target that is empty", async () => {
    const world = await filled();
    const run = await restore(world, { ...into, intoDatabase: "copy" });
    expect(run.result).not.toHaveProperty("safetyBackupId");
  });
});

describe("files of a backup", () => {
  async function withAssets(): Promise<TestDeps> {
    const world = openTestDeps();
    world.project = { ...world.project, sources: [...world.project.sources, assets] };
    world.server.databases.set("/uploads", tablesOf({ "a.txt": ["hello"] }));
    await backUpOnce(world);
    return world;
  }

  test("go where they are wanted, alone or with the database", async () => {
    const world = await withAssets();
    const run = await restore(world, { assets: "/elsewhere" });
    expect(run).toMatchObject({ status: "succeeded", result: { assets: { into: "/elsewhere" } } });
    expect(contentOf(world, "/elsewhere")).toBe(contentOf(world, "/uploads"));
    expect((await restore(world, { intoDatabase: null, assets: "/again" })).status).toBe("succeeded");
    expect(contentOf(world, "/again")).toBe(contentOf(world, "/uploads"));
  });

  test("go into a project that has none, too", async () => {
    const world = await withAssets();
    const targetProject = { ...world.project, name: "bare", sources: [world.project.sources[0]!] };
    const specs: SourceSpec[] = [];
    const { openSource } = world.deps;
    Object.assign(world.deps, {
      openSource: (...args: Parameters<typeof openSource>) => {
        specs.push(args[0]);
        return openSource(...args);
      },
    });
    expect((await restore(world, { targetProject, intoDatabase: null, assets: "/bare" })).status).toBe("succeeded");
    expect(specs).toEqual([{ name: "assets", type: "files", settings: { paths: ["/uploads"], exclude: [] } }]);
  });

  test("that are not in it cannot be restored", async () => {
    const world = await filled();
    expect(await restore(world, { intoDatabase: null, assets: "/x" })).toMatchObject({ error: { code: "usage" } });
    const files = openTestDeps({ project: { sources: [assets] } });
    files.server.databases.set("/uploads", tablesOf({ "a.txt": ["hello"] }));
    await backUpOnce(files);
    expect(await restore(files)).toMatchObject({ status: "failed", error: { code: "usage" } });
  });
});

describe("a backup that names no part", () => {
  test("for what is asked of it restores nothing", async () => {
    const world = await filled();
    for (const name of ["one", "two"]) {
      const [key] = world.store(name).keys(".manifest.json");
      const text = Buffer.from(world.store(name).objects.get(key!)!.bytes).toString();
      const manifest = JSON.parse(text) as { sources: { name: string }[] };
      manifest.sources.push({ ...manifest.sources[0]!, name: "assets" });
      const bytes = new TextEncoder().encode(JSON.stringify(manifest));
      world.store(name).objects.set(key!, { bytes, modifiedAt: 0 });
    }
    const run = await restore(world, { intoDatabase: null, assets: "/elsewhere" });
    expect(run).toMatchObject({ status: "failed", error: { code: "manifest_invalid" } });
    expect(world.server.databases.has("/elsewhere")).toBe(false);
  });

  test("is on no storage when none is left to ask", async () => {
    const world = await filled();
    const manifest = { ...sampleManifest, backupId: "abcd1234" };
    const run = { warn: () => {}, signal: world.signal };
    const asking = fromFirstGoodStorage(run, { manifest, holders: [], unread: [] }, async () => 1);
    await expect(asking).rejects.toThrow("no storage holds backup abcd1234");
  });
});

describe("a target of another kind, or elsewhere", () => {
  test("is refused when its project has no such database", async () => {
    const world = await filled();
    const targetProject = { ...world.project, name: "bare", sources: [assets] };
    expect(await restore(world, { targetProject })).toMatchObject({ error: { code: "unsupported" } });
  });

  test("is locked for as long as it takes", async () => {
    const world = await filled();
    await using _held = await world.deps.lock.acquire("shop", "backup");
    await expect(restore(world)).rejects.toMatchObject({ code: "lock_held" });
    const targetProject = { ...world.project, name: "other-project" };
    expect((await restore(world, { targetProject })).status).toBe("succeeded");
  });

  test("a backup that is not there is an error", async () => {
    const world = openTestDeps();
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "backup_not_found" } });
    world.server.faults.isEmpty = true;
    expect((await back(world)).status).toBe("failed");
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "backup_not_found" } });
  });
});
