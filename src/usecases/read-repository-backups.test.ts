// Finding, restoring, verifying, pinning and thinning out backups that lie in a repository, in the world of fakes.

import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import { day, openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { back, backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { restore as restoreNewest } from "../../tests/support/run-fake-restore.ts";
import { describeFakeTables } from "../../tests/support/fake-source.ts";
import { exportBackup } from "./export-backup.ts";
import { listBackups } from "./list-backups.ts";
import { pinBackup } from "./pin-backup.ts";
import { previewPrune, pruneBackups } from "./prune-backups.ts";
import { rebuildCatalog } from "./rebuild-catalog.ts";
import type { RestoreBackupRequest } from "./restore-backup.ts";
import { restoreToFiles } from "./restore-to-files.ts";
import { verifyBackup } from "./verify-backup.ts";

const sources = [
  { name: "database", type: "postgres", settings: { database: "shop" } },
  { name: "assets", type: "files", settings: { paths: ["/data/up"] } },
];

function openWorld(options: TestDepsOptions = {}, project: Partial<Project> = {}): TestDeps {
  const world = openTestDeps({ repositories: ["vault"], ...options, project: { sources, ...project } });
  world.disk.set("/data/up/a.txt", new TextEncoder().encode("hello"));
  return world;
}

const list = (world: TestDeps) =>
  listBackups(world.deps, { project: world.project, log: () => {}, signal: world.signal });

const restore = (world: TestDeps, changes: Partial<RestoreBackupRequest>) =>
  restoreNewest(world, { intoDatabase: null, ...changes });

const toFiles = (world: TestDeps, reference: string, only: "db" | "assets" | null = null) =>
  restoreToFiles(world.deps, {
    project: world.project,
    reference,
    targetPath: `/out ${reference} ${only}`,
    only,
    decompress: false,
    raw: false,
    signal: world.signal,
  });

describe("a backup in a repository", () => {
  test("is listed with its snapshots, and what others made beside it", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    const id = await backUpOnce(world);
    const { kept } = world.repository("vault");
    const foreign = { ...kept[0]!.snapshot, id: "f".repeat(64), shortId: "ffffffff", tags: ["project:shop"] };
    kept.push({ snapshot: foreign, files: new Map() });
    kept.push({ snapshot: { ...foreign, tags: ["project:other"] }, files: new Map() });
    for (const lose of [false, true]) {
      if (lose) world.loseState();
      const { backups, others, failures } = await list(world);
      expect(failures).toEqual([]);
      expect(backups).toMatchObject([{ id, storages: ["vault"], engine: "postgres", pinned: false }]);
      expect(backups[0]!.snapshots.length).toBe(2);
      expect(others.map(({ snapshot }) => snapshot.shortId)).toEqual(["ffffffff"]);
    }
  });

  test("is put into a database, with its rows compared", async () => {
    for (const encrypted of [false, true]) {
      const world = openWorld({ encrypted });
      await backUpOnce(world);
      expect(await restore(world, { intoDatabase: "copy" })).toMatchObject({ status: "succeeded" });
      const { databases } = world.server;
      expect(describeFakeTables(databases.get("copy"))).toBe(describeFakeTables(databases.get("shop")));
    }
  });

  test("has its files brought by the repository, for places and for directories", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    await backUpOnce(world);
    expect(await restore(world, { assets: "original" })).toMatchObject({ status: "succeeded" });
    expect(world.server.calls).toContain("receive /data/up for original");
    expect(world.server.calls).toContain("commit original");
    const run = await toFiles(world, "latest");
    expect(run).toMatchObject({ status: "succeeded" });
    expect((run.result["files"] as { format: string }[]).map(({ format }) => format)).toEqual(["dump", "files.tar"]);
    expect(world.disk.has("/arrival//out latest null/data/up/a.txt")).toBe(true);
  });

  test("tells what the repository could not bring back as it was", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    await backUpOnce(world);
    world.repository("vault").knobs.restoreWarnings = ["/data/up/a.txt: the owner could not be set"];
    for (const run of [await restore(world, { assets: "original" }), await toFiles(world, "latest", "assets")]) {
      expect(run).toMatchObject({ status: "succeeded", warnings: ["/data/up/a.txt: the owner could not be set"] });
    }
  });

  test("gives the dump or the files alone", async () => {
    const world = openWorld();
    await backUpOnce(world);
    const formats = (run: Awaited<ReturnType<typeof toFiles>>) =>
      (run.result["files"] as { format: string }[]).map(({ format }) => format);
    expect(formats(await toFiles(world, "latest", "db"))).toEqual(["dump"]);
    expect(formats(await toFiles(world, "latest", "assets"))).toEqual(["files.tar"]);
  });

  test("is meant in part by the id of one of its snapshots", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    await backUpOnce(world);
    const [assets, dump] = world.repository("vault").kept.map(({ snapshot }) => snapshot);
    expect(await toFiles(world, assets!.shortId)).toMatchObject({ status: "succeeded" });
    expect(world.directories.get(`/out ${assets!.shortId} null`)!.keys()).toEqual([]);
    expect(await toFiles(world, dump!.id)).toMatchObject({ status: "succeeded" });
    expect(world.directories.get(`/out ${dump!.id} null`)!.keys(".dump").length).toBe(1);
    expect(await toFiles(world, assets!.shortId, "db")).toMatchObject({ status: "failed", error: { code: "usage" } });
  });

  test("may be a snapshot of another program, by enough of its id", async () => {
    const world = openWorld();
    await backUpOnce(world);
    const { kept } = world.repository("vault");
    const id = "abcdef01".padEnd(64, "2");
    const snapshot = { ...kept[0]!.snapshot, id, shortId: id.slice(0, 8), tags: [], paths: ["/data/up"] };
    kept.push({ snapshot, files: new Map([["/data/up/x", new Uint8Array(3)]]) });
    expect(await toFiles(world, "abcdef01")).toMatchObject({ status: "succeeded" });
    expect(await toFiles(world, "abcdef")).toMatchObject({ status: "failed", error: { code: "backup_not_found" } });
    kept.push({ snapshot: { ...snapshot, id: "abcdef01".padEnd(64, "3") }, files: new Map() });
    const twice = await toFiles(world, "abcdef01");
    expect(twice.error!.message).toBe("abcdef01 is the beginning of 2 snapshots");
  });

  test("is corrupt when the snapshot of its files is gone, and its dump is not", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    await backUpOnce(world);
    world.repository("vault").kept.shift();
    expect(await restore(world, { assets: "original" })).toMatchObject({
      status: "failed",
      error: { code: "backup_corrupt" },
    });
    expect(await toFiles(world, "latest", "db")).toMatchObject({ status: "succeeded" });
  });

  test("falls to the next storage when its dump is damaged", async () => {
    const world = openWorld({ repositories: ["vault", "second"] });
    await backUpOnce(world);
    const { files } = world.repository("vault").kept[0]!;
    const [name] = [...files.keys()].filter((path) => path.endsWith(".dump"));
    files.set(name!, new Uint8Array(10));
    const run = await restore(world, { intoDatabase: "copy" });
    expect(run).toMatchObject({ status: "succeeded" });
    expect(run.warnings[0]).toContain("trying second");
  });

  test("fails verification when a byte differs, and passes with its result as a tag", async () => {
    const world = openWorld();
    await backUpOnce(world);
    const { kept } = world.repository("vault");
    const verify = (level: "checksum" | "structure" | "restore") =>
      verifyBackup(world.deps, { project: world.project, reference: "latest", level, signal: world.signal });
    expect(await verify("checksum")).toMatchObject({ status: "succeeded" });
    expect(await verify("restore")).toMatchObject({ status: "succeeded" });
    const tags = kept[0]!.snapshot.tags.filter((tag) => /^(verified|failed):/.test(tag));
    expect(tags).toEqual([expect.stringMatching(/^verified:restore:\d+$/) as string]);
    expect(world.repository("vault").calls).toContain("read /data/up");
    const [name] = [...kept[0]!.files.keys()].filter((path) => path.endsWith(".dump"));
    const bytes = Uint8Array.from(kept[0]!.files.get(name!)!);
    bytes[20]! ^= 1;
    kept[0]!.files.set(name!, bytes);
    expect(await verify("checksum")).toMatchObject({ status: "failed", error: { code: "verify_failed" } });
    expect(kept[0]!.snapshot.tags.some((tag) => tag.startsWith("failed:checksum:"))).toBe(true);
    world.repository("vault").faults.push({ on: "read", error: new AppError("storage_unreachable", "away") });
    expect(await verify("checksum")).toMatchObject({ status: "failed", error: { code: "storage_unreachable" } });
  });

  test("is exported with its files", async () => {
    const world = openWorld();
    await backUpOnce(world);
    const run = await exportBackup(world.deps, {
      project: world.project,
      reference: "latest",
      file: "/exports/shop.tar.gz",
      signal: world.signal,
    });
    expect(run).toMatchObject({ status: "succeeded" });
    world.files.set("/shop.tar.gz", world.directories.get("/exports")!.objects.get("shop.tar.gz")!.bytes);
    const bundle = await world.deps.openBundle("/shop.tar.gz", world.project, world.signal);
    const names = [];
    for await (const { path, stream } of bundle.members()) {
      for await (const _chunk of stream);
      names.push(path);
    }
    expect(names).toEqual(["database/database.dump", "documents/assets.files.tar"]);
  });

  test("is remembered again from the repository alone", async () => {
    const world = openWorld(
      {},
      { verification: { enabled: true, level: "checksum", rowCounts: "off", drillOn: "project" } },
    );
    const id = await backUpOnce(world);
    world.loseState();
    const found = await rebuildCatalog(world.deps, { storages: ["vault"], log: () => {}, signal: world.signal });
    expect(found).toEqual({ backups: 1, unreadable: [] });
    expect(world.memory.backups.get(id)).toMatchObject({
      storages: ["vault"],
      engine: "postgres",
      verification: { level: "checksum", passed: true, storage: "vault" },
    });
  });
});

describe("retention in a repository", () => {
  const retention = { keepLast: 1 };

  test("keeps what is pinned, on every snapshot of it, until it is unpinned", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    const first = await backUpOnce(world);
    const pin = (pinned: boolean) =>
      pinBackup(world.deps, {
        project: world.project,
        reference: first,
        pinned,
        reason: null,
        log: () => {},
        signal: world.signal,
      });
    await pin(true);
    const { kept } = world.repository("vault");
    expect(kept.every(({ snapshot }) => snapshot.tags.includes("pinned"))).toBe(true);
    world.project = { ...world.project, retention };
    await world.clock.advance(day);
    await backUpOnce(world);
    expect(kept.length).toBe(4);
    await pin(false);
    const plans = await previewPrune(world.deps, { project: world.project, log: () => {}, signal: world.signal });
    expect(plans[0]!.plan.remove.map(({ id }) => id)).toEqual([first]);
    expect(kept.length).toBe(4);
    const run = await pruneBackups(world.deps, { project: world.project, signal: world.signal });
    expect(run).toMatchObject({ status: "succeeded", result: { removedBackups: 1, pruneSnapshotsRemoved: 2 } });
    expect(kept.length).toBe(2);
  });

  test("frees data on every prune, and on a forget never", async () => {
    const world = openWorld({}, { retention });
    await backUpOnce(world);
    const { calls } = world.repository("vault");
    await pruneBackups(world.deps, { project: world.project, freesData: false, signal: world.signal });
    expect(calls).not.toContain("prune");
    await pruneBackups(world.deps, { project: world.project, signal: world.signal });
    expect(calls.filter((call) => call === "prune").length).toBe(1);
  });

  test("is refused when the repository cannot be listed, and a backup stays one when its prune fails", async () => {
    const world = openWorld({}, { retention });
    await backUpOnce(world);
    world.repository("vault").faults.push({ on: "remove", error: new AppError("storage_failed", "append-only") });
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", warnings: ["prune: append-only"] });
    world.repository("vault").faults.push({ on: "list", error: new AppError("storage_unreachable", "away") });
    expect(await pruneBackups(world.deps, { project: world.project, signal: world.signal })).toMatchObject({
      status: "failed",
    });
  });

  test("collects snapshots of a run that never finished, when the state store knows that it ended", async () => {
    const world = openWorld({}, { snapshotMode: "separate" });
    const { faults, kept } = world.repository("vault");
    faults.push({ on: "list", error: new AppError("storage_unreachable", "away"), times: 0 });
    world.knobs.onPoint = (point) => {
      if (point !== "sync.snapshot_made") return;
      world.knobs.onPoint = () => {};
      faults.push({ on: "list", error: new AppError("storage_unreachable", "away") });
      throw new AppError("storage_failed", "the power went");
    };
    expect(await back(world)).toMatchObject({ status: "failed" });
    expect(kept.length).toBe(1);
    faults.length = 0;
    expect((await list(world)).backups).toEqual([]);
    await pruneBackups(world.deps, { project: world.project, signal: world.signal });
    expect(kept).toEqual([]);
  });
});
