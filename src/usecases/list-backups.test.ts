import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { listBackups } from "./list-backups.ts";
import { pinBackup } from "./pin-backup.ts";
import { rebuildCatalog } from "./rebuild-catalog.ts";
import { verifyBackup } from "./verify-backup.ts";

const log = (): void => {};

function list(world: TestDeps, changes: { storage?: string; last?: number } = {}) {
  return listBackups(world.deps, { project: world.project, log, signal: world.signal, ...changes });
}

function pin(world: TestDeps, reference: string, pinned: boolean) {
  const { project, signal } = world;
  return pinBackup(world.deps, { project, reference, pinned, reason: "audit", log, signal });
}

function spoil(world: TestDeps, storage: string, ending: string): void {
  const store = world.store(storage);
  for (const key of store.keys(ending)) store.objects.set(key, { bytes: new TextEncoder().encode("{"), modifiedAt: 0 });
}

describe("a list of backups", () => {
  test("is the same with and without the state store", async () => {
    const world = openTestDeps({ encrypted: true });
    const first = await backUpOnce(world);
    await pin(world, first, true);
    await verifyBackup(world.deps, {
      project: world.project,
      reference: first,
      level: "checksum",
      signal: world.signal,
    });
    await backUpOnce(world, { storages: ["two"] });
    const before = await list(world);
    expect(before.backups.map(({ storages, pinned }) => [storages, pinned])).toEqual([
      [["two"], false],
      [["one", "two"], true],
    ]);
    expect(before.backups[1]!.verification).toMatchObject({ passed: true, level: "checksum" });
    world.loseState();
    const after = await list(world);
    expect(after.backups.map((backup) => ({ ...backup, verification: null }))).toEqual(
      before.backups.map((backup) => ({ ...backup, verification: null })),
    );
    expect(after.backups[1]!.verification).toMatchObject({ passed: true, level: "checksum", storage: "one" });
  });

  test("ends after as many as were asked for, the newest first, of one storage if asked", async () => {
    const world = openTestDeps();
    await backUpOnce(world);
    const second = await backUpOnce(world, { storages: ["one"] });
    expect((await list(world, { last: 1 })).backups.map(({ id }) => id)).toEqual([second]);
    expect((await list(world, { storage: "two" })).backups.length).toBe(1);
  });

  test("names the storages that could not be read", async () => {
    const world = openTestDeps();
    await backUpOnce(world);
    world.store("one").faults.push({ on: "list", error: new AppError("storage_unreachable", "nobody answers") });
    const { backups, failures } = await list(world);
    expect(backups.map(({ storages }) => storages)).toEqual([["two"]]);
    expect(failures.map(({ name, error }) => [name, error.code])).toEqual([["one", "storage_unreachable"]]);
    world.abort();
    await expect(list(world)).rejects.toMatchObject({ code: "cancelled" });
  });

  test("is not lost because one manifest or one result cannot be read", async () => {
    const world = openTestDeps();
    const first = await backUpOnce(world);
    await verifyBackup(world.deps, {
      project: world.project,
      reference: first,
      level: "checksum",
      signal: world.signal,
    });
    const second = await backUpOnce(world);
    world.loseState();
    spoil(world, "one", `${second}.manifest.json`);
    spoil(world, "one", "verified.json");
    const { backups, failures } = await list(world);
    expect(backups.map(({ id }) => id)).toEqual([second, first]);
    expect(backups[1]!.verification).toMatchObject({ passed: true, storage: "two" });
    expect(failures.map(({ name, error }) => [name, error.code])).toEqual([
      ["one", "manifest_invalid"],
      ["one", "manifest_invalid"],
    ]);
    spoil(world, "two", "json");
    const worse = await list(world);
    expect(worse.backups.map(({ id, verification }) => [id, verification])).toEqual([[first, null]]);
    expect(worse.failures.length).toBeGreaterThan(2);
  });
});

describe("a pin", () => {
  test("lies on every storage that holds the backup, and goes again", async () => {
    const world = openTestDeps();
    const id = await backUpOnce(world);
    expect(await pin(world, id, true)).toEqual({ backupId: id, storages: ["one", "two"] });
    await pin(world, id, true);
    for (const name of ["one", "two"]) expect(world.store(name).keys("pin.json").length).toBe(1);
    expect(world.memory.backups.get(id)!.pinned).toBe(true);
    await pin(world, id, false);
    for (const name of ["one", "two"]) expect(world.store(name).keys("pin.json").length).toBe(0);
    expect(world.memory.backups.get(id)!.pinned).toBe(false);
  });

  test("needs no state store that remembers the backup", async () => {
    const world = openTestDeps();
    const id = await backUpOnce(world);
    world.loseState();
    expect(await pin(world, id, true)).toMatchObject({ backupId: id });
    expect((await list(world)).backups[0]!.pinned).toBe(true);
  });

  test("that the state store could not take is an error, for people would rely on it", async () => {
    const world = openTestDeps();
    const id = await backUpOnce(world);
    world.knobs.onState = () => {
      throw new AppError("state_failed", "the disk is gone");
    };
    await expect(pin(world, id, true)).rejects.toMatchObject({ code: "state_failed" });
  });
});

describe("rebuilding the catalogue", () => {
  const rebuild = (world: TestDeps) =>
    rebuildCatalog(world.deps, { storages: ["one", "two"], log, signal: world.signal });

  test("brings back what was known, pins and results included", async () => {
    const world = openTestDeps();
    const first = await backUpOnce(world);
    await backUpOnce(world, { storages: ["two"] });
    await pin(world, first, true);
    await verifyBackup(world.deps, {
      project: world.project,
      reference: first,
      level: "checksum",
      signal: world.signal,
    });
    const before = structuredClone([...world.memory.backups.values()]);
    world.loseState();
    expect(await rebuild(world)).toEqual({ backups: 2, unreadable: [] });
    const after = [...world.memory.backups.values()];
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
    expect(after.toSorted(byId)).toEqual(before.toSorted(byId));
  });

  test("reports what cannot be read and takes the rest", async () => {
    const world = openTestDeps({ storages: ["one", "two", "three"] });
    const first = await backUpOnce(world);
    spoil(world, "one", "manifest.json");
    world.knobs.openStorage = (name) => {
      if (name === "three") throw new AppError("storage_unreachable", "no such host");
    };
    world.loseState();
    const storages = ["one", "two", "three"];
    const result = await rebuildCatalog(world.deps, { storages, log, signal: world.signal });
    expect(result.backups).toBe(1);
    expect(result.unreadable.map(({ storage, what }) => [storage, what])).toEqual([
      ["three", "storage"],
      ["one", world.store("two").keys("manifest.json")[0]!.slice(0, -".manifest.json".length)],
    ]);
    expect(world.memory.backups.get(first)!.storages).toEqual(["two"]);
    world.store("two").faults.push({ on: "list", error: new AppError("storage_failed", "no listing") });
    expect((await rebuild(world)).unreadable.at(-1)).toMatchObject({ storage: "two", what: "listing" });
    expect(world.memory.backups.size).toBe(1);
  });

  test("ends when it is cancelled", async () => {
    const world = openTestDeps();
    await backUpOnce(world);
    world.abort();
    await expect(rebuild(world)).rejects.toMatchObject({ code: "cancelled" });
    const other = openTestDeps({ storages: ["one"] });
    await backUpOnce(other);
    other.store("one").faults.push({ on: "read" });
    const rebuilding = rebuildCatalog(other.deps, { storages: ["one"], log, signal: other.signal });
    await Bun.sleep(5);
    other.abort();
    await expect(rebuilding).rejects.toMatchObject({ code: "cancelled" });
  });
});
