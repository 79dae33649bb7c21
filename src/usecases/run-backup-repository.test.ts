import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { back, backUpOnce } from "../../tests/support/run-fake-backup.ts";

const assets = { name: "assets", type: "files", settings: { paths: ["/data/up", "/data/más, y más"] } };
const database = { name: "database", type: "postgres", settings: { database: "shop" } };

function openWorld(options: TestDepsOptions = {}, project: Partial<Project> = {}): TestDeps {
  const world = openTestDeps({
    repositories: ["vault"],
    ...options,
    project: {
      sources: [database, assets],
      compression: { algorithm: "zstd", level: 3 },
      verification: { enabled: true, level: "structure", rowCounts: "exact", drillOn: "project" },
      ...project,
    },
  });
  world.disk.set("/data/up/a.txt", new TextEncoder().encode("hello"));
  world.disk.set("/data/más, y más/b.bin", new Uint8Array(5_000));
  return world;
}

const staged = (world: TestDeps): readonly string[] => world.directories.get("/base")?.keys() ?? [];

describe("a dump whose backup failed", () => {
  async function failSync(isStuck: boolean): Promise<{ readonly world: TestDeps; readonly text: string }> {
    const channels = [{ name: "ops", type: "webhook", settings: {}, on: ["failure"], projects: [] }] as const;
    const world = openWorld({}, { channels });
    world.knobs.onPoint = (reached) => {
      if (reached !== "sync.staged") return;
      const staging = world.directories.get("/base")!;
      if (isStuck) {
        const error = new AppError("storage_failed", "read-only file system");
        for (let n = 0; n < 9; n++) staging.faults.push({ on: "delete", error });
      }
      throw new AppError("storage_unreachable", "the box is away");
    };
    expect((await back(world)).status).toBe("failed");
    await world.flush();
    return { world, text: world.notices[0]!.text };
  }

  test("is gone, and no message speaks of it", async () => {
    const { world, text } = await failSync(false);
    expect(staged(world)).toEqual([]);
    expect(text).not.toContain("Dump file:");
  });

  test("is named in the message when it could not be removed", async () => {
    const { world, text } = await failSync(true);
    const [dump] = staged(world);
    expect(dump).toEndWith(".dump");
    expect(text.split("\n")).toContain(`Dump file: /base/${dump}`);
  });
});

describe("a backup to a repository", () => {
  test("is one snapshot of dump, manifest and assets, with its tags, and the dump stays plain beside it", async () => {
    const world = openWorld();
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: false, warnings: [], error: null });
    const [dump, manifest] = staged(world);
    expect(dump).toMatch(/^shop\/shop_manual_20260101_000001_[0-9a-z]{8}\.dump$/);
    expect(manifest).toBe(dump!.replace(/dump$/, "manifest.json"));
    const { kept } = world.repository("vault");
    expect(kept.length).toBe(1);
    expect(kept[0]!.snapshot.tags).toEqual([
      "backupctl:combined",
      "project:shop",
      `backup:${run.backupId}`,
      "type:manual",
      expect.stringMatching(/^verified:structure:\d+$/) as string,
    ]);
    expect([...kept[0]!.files.keys()]).toEqual([
      `/base/${dump}`,
      `/base/${manifest}`,
      "/data/up/a.txt",
      "/data/más, y más/b.bin",
    ]);
    expect(run.result).toMatchObject({
      snapshotId: kept[0]!.snapshot.id,
      snapshotMode: "combined",
      filesNew: 4,
      filesChanged: 0,
      bytesAdded: expect.any(Number) as number,
      dumpSizeBytes: expect.any(Number) as number,
      encrypted: false,
      verified: true,
    });
    expect([...world.memory.backups.values()]).toMatchObject([
      { id: run.backupId, storages: ["vault"], verification: { level: "structure", passed: true, storage: "vault" } },
    ]);
    expect(world.server.calls.filter((call) => call.startsWith("dump "))).toEqual(["dump shop"]);
    expect(run.bytes).toBe(kept[0]!.files.get(`/base/${dump}`)!.length);
  });

  test("asks the repository twice: for what is there, and to take the backup", async () => {
    const world = openWorld();
    await back(world);
    await back(world);
    const { calls, parents, kept } = world.repository("vault");
    expect(calls.filter((call) => call !== "list project:shop")).toEqual([
      "backup backupctl:combined",
      "backup backupctl:combined",
    ]);
    expect(parents).toEqual([undefined, kept[0]!.snapshot.id]);
  });

  test("in mode separate has a snapshot for each asset path, and the dump with the manifest comes last", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    const run = await back(world);
    const { kept } = world.repository("vault");
    expect(kept.map(({ snapshot }) => snapshot.tags.slice(0, 2))).toEqual([
      ["backupctl:assets:/data/up", "project:shop"],
      ["backupctl:assets:/data/más%2C y más", "project:shop"],
      ["backupctl:db", "project:shop"],
    ]);
    expect(kept.every(({ snapshot }) => snapshot.tags.every((tag) => !tag.includes(",")))).toBe(true);
    expect(run.result).toMatchObject({ snapshotId: kept[2]!.snapshot.id, snapshotMode: "separate", filesNew: 4 });
  });

  test("without a database is committed by the snapshot of its last path", async () => {
    for (const snapshotMode of ["combined", "separate"] as const) {
      const world = openWorld({}, { snapshotMode, sources: [assets] });
      const run = await back(world);
      expect(run).toMatchObject({ status: "succeeded", warnings: [] });
      const { kept } = world.repository("vault");
      expect(kept.length).toBe(snapshotMode === "combined" ? 1 : 2);
      expect([...kept.at(-1)!.files.keys()].some((name) => name.endsWith(".manifest.json"))).toBe(true);
    }
  });

  test("encrypts and compresses the dump only as the project says", async () => {
    const world = openWorld({ encrypted: true }, { compression: { algorithm: "gzip", level: 1, explicit: true } });
    const run = await back(world);
    expect(staged(world)[0]).toEndWith(".dump.gz.enc");
    expect(run.result).toMatchObject({ encrypted: true, verified: true });
  });

  test("warns of an asset path that is missing and goes on", async () => {
    const world = openWorld();
    world.disk.delete("/data/up/a.txt");
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", warnings: ["asset path is missing: /data/up"] });
  });

  test("feeds archive storages of the same project from the same dump", async () => {
    const world = openWorld({ storages: ["one"], encrypted: true });
    world.server.databases.set("/data/up", new Map([["files", ["a"]]]));
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: false, error: null });
    expect(world.server.calls.filter((call) => call === "dump shop")).toEqual(["dump shop"]);
    expect(world.store("one").keys()).toEqual([
      expect.stringMatching(/\.dump\.zst\.enc$/) as string,
      expect.stringMatching(/\.files\.tar\.zst\.enc$/) as string,
      expect.stringMatching(/\.manifest\.json$/) as string,
      expect.stringMatching(/\.verified\.json$/) as string,
    ]);
    expect([...world.memory.backups.values()]).toMatchObject([{ storages: ["one", "vault"] }]);
  });
});

describe("a repository that fails", () => {
  const down = (retryable = false): AppError =>
    new AppError("storage_unreachable", "nobody answers", { retryable, hint: "look" });

  test("before the dump ends the run when it is the only storage, and nothing was dumped", async () => {
    const world = openWorld();
    world.repository("vault").faults.push({ on: "list", error: down() });
    expect(await back(world)).toMatchObject({
      status: "failed",
      error: { code: "storage_unreachable", stage: "sync" },
    });
    expect(world.server.calls).toEqual([]);
    expect(staged(world)).toEqual([]);
  });

  test("is tried again without another dump, and counts its retries", async () => {
    const world = openWorld({ settings: { retryCount: 2, retryDelayMs: 10 } });
    world.repository("vault").faults.push({ on: "backup", error: down(true), times: 2 });
    const running = back(world);
    await world.clock.advance(1_000);
    await world.clock.advance(1_000);
    await world.clock.advance(1_000);
    const run = await running;
    expect(run).toMatchObject({ status: "succeeded", retryCount: 2 });
    expect(world.server.calls.filter((call) => call === "dump shop").length).toBe(1);
  });

  test("in the middle leaves no snapshot and no staged file, also when only the answer was lost", async () => {
    for (const after of [false, true]) {
      const world = openWorld({}, { snapshotMode: "separate" });
      const { kept, faults } = world.repository("vault");
      faults.push({ on: "backup", error: new AppError("storage_failed", "it broke"), after });
      const run = await back(world);
      expect(run).toMatchObject({ status: "failed", error: { code: "storage_failed", stage: "sync" } });
      expect(kept).toEqual([]);
      expect(staged(world)).toEqual([]);
      expect(world.memory.backups.size).toBe(0);
    }
  });

  test("makes the run partial when another storage holds the backup", async () => {
    const world = openWorld({ repositories: ["vault", "second"], storages: [] });
    world.repository("vault").faults.push({ on: "backup", error: down() });
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: true, warnings: ["storage vault: nobody answers"] });
    expect(run.result).toMatchObject({ storages: ["second"], failedStorages: [{ name: "vault" }] });
    expect(world.repository("vault").calls).not.toContain("prune");
  });

  test("takes the backup when every archive storage fails", async () => {
    const world = openWorld({ storages: ["one"] }, { sources: [database] });
    world.store("one").faults.push({ on: "write", error: new AppError("disk_full", "no room") });
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: true });
    expect(run.result).toMatchObject({ storages: ["vault"] });
    expect(world.store("one").keys()).toEqual([]);
  });

  test("whose snapshot does not hold the dump holds no backup", async () => {
    const world = openWorld();
    const { knobs, kept } = world.repository("vault");
    world.server.faults.excludes = ["/base/**"];
    knobs.leavesOut = (path) => path.endsWith(".dump");
    expect(await back(world)).toMatchObject({
      status: "failed",
      error: {
        code: "storage_failed",
        message: expect.stringContaining("does not hold /base/shop/shop_manual") as string,
      },
    });
    expect(kept).toEqual([]);
  });

  test("that could not read a file says so, and the backup is there", async () => {
    const world = openWorld();
    world.repository("vault").knobs.warnings = ["/data/up/secret: permission denied"];
    expect(await back(world)).toMatchObject({
      status: "succeeded",
      warnings: ["storage vault: /data/up/secret: permission denied"],
    });
  });

  test("is left clean when the run is cancelled, and so are those that were done", async () => {
    const world = openWorld({ repositories: ["vault", "second"] });
    world.knobs.onPoint = (point) => {
      if (point === "sync.repository_done") world.abort();
    };
    expect(await back(world)).toMatchObject({ status: "cancelled" });
    for (const name of ["vault", "second"]) expect(world.repository(name).kept).toEqual([]);
    expect(staged(world)).toEqual([]);
  });
});

describe("retention with a repository", () => {
  test("removes old backups by their ids and frees their data once, and nothing of anybody else", async () => {
    const world = openWorld(
      {},
      {
        retention: { keepLast: 1 },
        verification: { enabled: false, level: "checksum", rowCounts: "off", drillOn: "project" },
      },
    );
    const { kept, calls } = world.repository("vault");
    const foreign = { id: "f".repeat(64), shortId: "ffffffff", time: 0, host: "here", paths: ["/etc"], sizeBytes: 1 };
    kept.push({ snapshot: { ...foreign, tags: [] }, files: new Map() });
    kept.push({ snapshot: { ...foreign, id: "e".repeat(64), tags: ["project:shop"] }, files: new Map() });
    await backUpOnce(world);
    const elsewhere = kept.pop()!;
    kept.push({ ...elsewhere, snapshot: { ...elsewhere.snapshot, host: "there" } });
    await backUpOnce(world);
    const last = await back(world);
    expect(last.result).toMatchObject({ pruneSnapshotsRemoved: 1, removedBackups: 1 });
    expect(kept.map(({ snapshot }) => [snapshot.host, snapshot.tags[2] ?? snapshot.shortId])).toEqual([
      ["here", "ffffffff"],
      ["here", "ffffffff"],
      ["there", elsewhere.snapshot.tags[2]!],
      ["here", `backup:${last.backupId}`],
    ]);
    expect(calls.filter((call) => call === "prune").length).toBe(1);
  });

  test("keeps local dumps without local_days, removes old ones with it, and at once with 0", async () => {
    const world = openWorld();
    await backUpOnce(world);
    expect(staged(world).length).toBe(2);
    world.project = { ...world.project, retention: { localDays: 0 } };
    const other = await world.deps.openDirectory("/base", () => {});
    for (const key of [
      "shop/notes.txt",
      "shop/shop_manual_x.dump",
      "shop/2026/01/shop_manual_20260101_000000_abcd1234.dump",
    ])
      await other.create(key, new Uint8Array(1), { signal: world.signal });
    const run = await back(world);
    expect(run.result).toMatchObject({ localFilesCleaned: 2 });
    expect(staged(world).length).toBe(3);
  });
});
