import { describe, expect, test } from "bun:test";
import { manifestKey } from "../domain/backup/object-key.ts";
import { AppError } from "../domain/error.ts";
import { openFakeStore, type FakeStore } from "../../tests/support/fake-store.ts";
import { commitBackup, discardBackup } from "./commit-backup.ts";
import type { CrashPoint } from "./deps.ts";

const stem = "shop/2026/01/shop_manual_20260101_000000_abcd1234";
const key = manifestKey(stem);
const manifest = new TextEncoder().encode('{"the":"manifest"}\n');
const never = new AbortController().signal;
const lost = (): AppError => new AppError("storage_failed", "the connection was reset");

async function commit(...fakes: FakeStore[]) {
  const points: CrashPoint[] = [];
  const stores = fakes.map((store) => ({ name: store.location, store }));
  const result = await commitBackup(
    { reach: (point) => points.push(point) },
    { stem, manifest, stores, tags: { project: "shop" } },
  );
  return {
    points,
    committed: result.committed.map(({ name }) => name),
    failed: result.failures.map(({ name, error }) => `${name}: ${error.message}`),
  };
}

describe("committing", () => {
  test("writes the manifest to each storage, one after the other, and reads it back", async () => {
    const [one, two] = [openFakeStore("one"), openFakeStore("two")];
    const { committed, failed, points } = await commit(one, two);
    expect([committed, failed]).toEqual([["one", "two"], []]);
    for (const store of [one, two]) {
      expect(store.calls).toEqual([`create ${key}`, `read ${key}`]);
      expect(store.objects.get(key)!.bytes).toEqual(manifest);
    }
    const perStorage = ["commit.manifest_written", "commit.first_storage_done"] as const;
    expect(points).toEqual(["commit.before_manifest", ...perStorage, ...perStorage]);
  });

  test("a create that was done but whose answer was lost counts as committed", async () => {
    const store = openFakeStore("one");
    store.faults.push({ on: "create", after: true, error: lost() });
    expect(await commit(store)).toMatchObject({ committed: ["one"], failed: [] });
  });

  test("a create that failed and left nothing is a failure of that storage alone", async () => {
    const [one, two] = [openFakeStore("one"), openFakeStore("two")];
    one.faults.push({ on: "create", error: lost() });
    expect(await commit(one, two)).toMatchObject({ committed: ["two"], failed: ["one: the connection was reset"] });
    expect(one.objects.size).toBe(0);
  });

  test("a create that failed while another manifest lies there is a failure, and that manifest stays", async () => {
    const store = openFakeStore("one");
    const other = new TextEncoder().encode("another");
    store.objects.set(key, { bytes: other, modifiedAt: 0 });
    const { committed, failed } = await commit(store);
    expect(committed).toEqual([]);
    expect(failed[0]).toContain("exists");
    expect(store.objects.get(key)!.bytes).toEqual(other);
  });

  test("a create that failed and cannot be looked at keeps the first error", async () => {
    const store = openFakeStore("one");
    store.faults.push(
      { on: "create", after: true, error: lost() },
      { on: "read", error: new AppError("storage_unreachable", "nobody answers") },
    );
    expect(await commit(store)).toMatchObject({ committed: [], failed: ["one: the connection was reset"] });
  });

  test("a manifest that is read back differently is not committed", async () => {
    const store = openFakeStore("one");
    const create = store.create.bind(store);
    store.create = async (...args) => {
      const info = await create(...args);
      store.flip("manifest.json");
      return info;
    };
    const { committed, failed } = await commit(store);
    expect(committed).toEqual([]);
    expect(failed[0]).toContain("differs from what was written");
  });

  test("a manifest that cannot be read back is not committed", async () => {
    const store = openFakeStore("one");
    store.faults.push({ on: "read", error: lost() });
    expect(await commit(store)).toMatchObject({ committed: [], failed: ["one: the connection was reset"] });
  });
});

describe("discarding", () => {
  const parts = [`${stem}.globals.sql`, `${stem}.dump`];

  function filled(): FakeStore {
    const store = openFakeStore("one");
    for (const name of [key, ...parts]) store.objects.set(name, { bytes: manifest, modifiedAt: 0 });
    return store;
  }

  test("removes the manifest first, then the parts", async () => {
    const store = filled();
    expect(await discardBackup(store, stem, parts, never)).toEqual([]);
    expect(store.calls).toEqual([key, ...parts].map((name) => `delete ${name}`));
    expect(store.objects.size).toBe(0);
  });

  test("leaves the parts when the manifest cannot be removed", async () => {
    const store = filled();
    store.faults.push({ on: "delete", key, error: lost() });
    expect(await discardBackup(store, stem, parts, never)).toEqual([key, ...parts]);
    expect(store.objects.size).toBe(3);
  });

  test("goes on when a part cannot be removed, and names it", async () => {
    const store = filled();
    store.faults.push({ on: "delete", key: parts[0]!, error: lost() });
    expect(await discardBackup(store, stem, parts, never)).toEqual([parts[0]!]);
    expect(store.keys()).toEqual([parts[0]!]);
  });
});
