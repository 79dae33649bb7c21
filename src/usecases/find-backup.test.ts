import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { findBackup } from "./find-backup.ts";

const down = (text = "nobody answers"): AppError => new AppError("storage_unreachable", text);

interface Found {
  readonly id: string;
  readonly on: readonly string[];
  readonly warnings: readonly string[];
}

async function find(world: TestDeps, reference: string, storage?: string): Promise<Found> {
  await using stack = new AsyncDisposableStack();
  const warnings: string[] = [];
  const log = (_level: string, message: string): void => void warnings.push(message);
  const request = { project: world.project, reference, storage, log, signal: world.signal };
  const { manifest, holders } = await findBackup(world.deps, request, stack);
  return { id: manifest.backupId, on: holders.map(({ storage }) => storage.name), warnings };
}

function spoil(world: TestDeps, storage: string, id: string): void {
  const store = world.store(storage);
  const [key] = store.keys(`${id}.manifest.json`);
  store.objects.set(key!, { bytes: new TextEncoder().encode("{"), modifiedAt: 0 });
}

describe("latest", () => {
  test("is the newest on any storage, and names those that hold it in the project's order", async () => {
    const world = openTestDeps();
    const first = await backUpOnce(world);
    const second = await backUpOnce(world, { storages: ["two"] });
    expect(await find(world, "latest")).toMatchObject({ id: second, on: ["two"] });
    expect(await find(world, "latest", "one")).toMatchObject({ id: first, on: ["one"] });
    expect(await find(world, first)).toMatchObject({ on: ["one", "two"] });
  });

  test("is never a safety backup while there is another", async () => {
    const world = openTestDeps({ storages: ["one"] });
    const safety = await backUpOnce(world, { type: "safety" });
    expect((await find(world, "latest")).id).toBe(safety);
    const regular = await backUpOnce(world);
    await backUpOnce(world, { type: "safety" });
    expect((await find(world, "latest")).id).toBe(regular);
  });

  test("is told by exact start times where names repeat an hour", async () => {
    const world = openTestDeps({ storages: ["one"], settings: { timeZone: "Europe/Berlin" } });
    // 02:50 in summer time, then 02:10 in winter time: later, with the smaller name.
    world.clock.setNow(Date.UTC(2026, 9, 25, 0, 50));
    const summer = await backUpOnce(world);
    world.clock.setNow(Date.UTC(2026, 9, 25, 1, 10));
    const winter = await backUpOnce(world);
    const [name] = world.store("one").keys(`${summer}.manifest.json`);
    expect(name! > world.store("one").keys(`${winter}.manifest.json`)[0]!).toBe(true);
    expect((await find(world, "latest")).id).toBe(winter);
  });

  test("is not told by the type in the middle of names", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await backUpOnce(world, { type: "weekly" });
    const newest = await backUpOnce(world, { type: "daily" });
    expect((await find(world, "latest")).id).toBe(newest);
  });

  test("is read where its manifest is whole, and an error when it is nowhere", async () => {
    const world = openTestDeps();
    const id = await backUpOnce(world);
    spoil(world, "one", id);
    const found = await find(world, "latest");
    expect(found.id).toBe(id);
    expect(found.warnings[0]).toContain("storage one:");
    spoil(world, "two", id);
    await expect(find(world, "latest")).rejects.toMatchObject({ code: "manifest_invalid" });
  });

  test("does not need the manifests of older backups", async () => {
    const world = openTestDeps({ storages: ["one"] });
    const old = await backUpOnce(world);
    const newest = await backUpOnce(world);
    spoil(world, "one", old);
    expect((await find(world, "latest")).id).toBe(newest);
  });
});

describe("an id", () => {
  test("may be cut short while it is the only one that begins so", async () => {
    const world = openTestDeps({ storages: ["one"] });
    const ids = [await backUpOnce(world), await backUpOnce(world)];
    expect((await find(world, ids[0]!.slice(0, 5))).id).toBe(ids[0]!);
    const random = world.deps.random;
    const same = {
      ...world.deps,
      random: (length: number) => (length === 8 ? random(8).fill(3, 0, 4) : random(length)),
    };
    const twins = { ...world, deps: same };
    const [a, b] = [await backUpOnce(twins), await backUpOnce(twins)];
    const shared = a.slice(0, 4);
    expect(b.startsWith(shared)).toBe(true);
    const error = await find(world, shared).catch((reason: unknown) => reason as AppError);
    expect(error).toMatchObject({ code: "backup_not_found", details: { candidates: [b, a] } });
    expect((error as AppError).hint).toContain(a);
  });

  test("that is unknown or empty is not found", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await expect(find(world, "latest")).rejects.toMatchObject({ code: "backup_not_found" });
    await expect(find(world, "abc")).rejects.toMatchObject({ code: "backup_not_found" });
    await backUpOnce(world);
    await expect(find(world, "zzzz")).rejects.toThrow("project shop has no backup zzzz");
    await expect(find(world, "")).rejects.toMatchObject({ code: "backup_not_found" });
  });

  test("is looked for only on storages of the project", async () => {
    const world = openTestDeps();
    await expect(find(world, "latest", "three")).rejects.toMatchObject({ code: "usage" });
  });
});

describe("a storage that cannot be read", () => {
  test("is warned of while another holds the backup", async () => {
    const world = openTestDeps();
    const id = await backUpOnce(world);
    world.store("one").faults.push({ on: "list", error: down() });
    const found = await find(world, "latest");
    expect(found).toMatchObject({ id, on: ["two"] });
    expect(found.warnings).toEqual(["storage one cannot be listed: nobody answers"]);
  });

  test("is warned of when it cannot even be opened", async () => {
    const world = openTestDeps();
    await backUpOnce(world);
    world.knobs.openStorage = (name) => {
      if (name === "one") throw down("no such host");
    };
    expect((await find(world, "latest")).warnings).toEqual(["storage one cannot be opened: no such host"]);
  });

  test("is an error, never a storage without backups", async () => {
    const world = openTestDeps();
    const id = await backUpOnce(world, { storages: ["one"] });
    world.store("one").faults.push({ on: "list", error: down() });
    await expect(find(world, "latest")).rejects.toMatchObject({ code: "storage_unreachable" });
    await expect(find(world, id)).rejects.toMatchObject({ code: "storage_unreachable" });
  });

  test("is an error too when the backup asked for is not among those of the others", async () => {
    const world = openTestDeps();
    const wanted = await backUpOnce(world, { storages: ["one"] });
    await backUpOnce(world, { storages: ["two"] });
    world.store("one").faults.push({ on: "list", error: down() });
    await expect(find(world, wanted)).rejects.toMatchObject({ code: "storage_unreachable" });
  });

  test("ends the search when the run was cancelled", async () => {
    const world = openTestDeps();
    await backUpOnce(world);
    world.abort();
    await expect(find(world, "latest")).rejects.toMatchObject({ code: "cancelled" });
  });
});
