import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { AppError } from "../domain/error.ts";
import type { Run } from "../domain/run/run.ts";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { failing, tablesOf } from "../../tests/support/fake-source.ts";
import type { FakeStore } from "../../tests/support/fake-store.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { exportBackup } from "./export-backup.ts";
import { restoreToFiles, type RestoreToFilesRequest } from "./restore-to-files.ts";

const assets = { name: "assets", type: "files", settings: { paths: ["/uploads"], exclude: [] } };

async function filled(options: TestDepsOptions = {}): Promise<TestDeps> {
  const world = openTestDeps(options);
  world.project = { ...world.project, sources: [...world.project.sources, assets] };
  world.server.databases.set("/uploads", tablesOf({ "a.txt": ["hello"] }));
  world.server.faults.hasGlobals = false;
  await backUpOnce(world);
  return world;
}

async function restore(world: TestDeps, changes: Partial<RestoreToFilesRequest> = {}): Promise<Run> {
  return restoreToFiles(world.deps, {
    project: world.project,
    reference: "latest",
    targetPath: "/out",
    only: null,
    decompress: false,
    raw: false,
    signal: world.signal,
    ...changes,
  });
}

const out = (world: TestDeps): FakeStore => world.directories.get("/out")!;
const names = (world: TestDeps): readonly string[] =>
  out(world)
    .keys()
    .map((name) => name.replace(/^.*_\d{6}_\w{8}/, "*"));
const textOf = (world: TestDeps, ending: string): string =>
  Buffer.from(out(world).objects.get(out(world).keys(ending)[0]!)!.bytes).toString("utf8");

describe("a restore to files", () => {
  for (const encrypted of [true, false]) {
    test(`writes the dump as it was compressed and unpacks the files (${encrypted ? "encrypted" : "plain"})`, async () => {
      const world = await filled({ encrypted });
      const run = await restore(world);
      expect(run).toMatchObject({ status: "succeeded", backupId: [...world.memory.backups.keys()][0] });
      expect(names(world)).toEqual(["*.dump.gz"]);
      const [file] = out(world).objects.values();
      expect(gunzipSync(file!.bytes).toString()).toStartWith("PGDMP fake");
      expect([...world.server.databases.get("/out")!.keys()]).toEqual(["a.txt"]);
      expect(run.result["files"]).toMatchObject([
        { format: "dump", plain: false },
        { path: "/out", format: "files.tar", plain: true },
      ]);
    });
  }

  test("writes the plain dump beside it if asked, and its plainer form where there is one", async () => {
    const world = await filled({ encrypted: true });
    world.server.faults.plainForm = ".sql";
    const run = await restore(world, { decompress: true, only: "db" });
    expect(names(world)).toEqual(["*.dump", "*.dump.gz"]);
    expect(textOf(world, ".dump")).toEndWith("complete\n");
    const files = run.result["files"] as { path: string }[];
    expect(files.at(-1)!.path).toEndWith(".dump.sql");
  });

  test("writes what was never compressed once, as it is", async () => {
    const world = await filled({ project: { compression: { algorithm: "none", level: 0 } } });
    const run = await restore(world, { decompress: true, only: "db" });
    expect(names(world)).toEqual(["*.dump"]);
    expect(run.result["files"]).toMatchObject([{ plain: true }]);
  });

  test("writes stored bytes as they are with raw, files too", async () => {
    const world = await filled({ encrypted: true });
    expect((await restore(world, { raw: true })).status).toBe("succeeded");
    expect(names(world)).toEqual(["*.dump.gz.enc", "*.files.tar.gz.enc"]);
    for (const name of out(world).keys()) {
      const stored = world.store("one").objects.get(world.store("one").keys(name)[0]!)!.bytes;
      expect(out(world).objects.get(name)!.bytes).toEqual(stored);
    }
  });

  test("takes only the database or only the files", async () => {
    const world = await filled();
    await restore(world, { only: "assets" });
    expect(names(world)).toEqual([]);
    expect(world.server.databases.has("/out")).toBe(true);
    const bare = openTestDeps();
    await backUpOnce(bare);
    expect(await restore(bare, { only: "assets" })).toMatchObject({ status: "failed", error: { code: "usage" } });
  });

  test("names the file by its backup, whatever the project is called", async () => {
    const world = await filled({ project: { name: "my.dump" } });
    await restore(world, { only: "db", decompress: true });
    expect(names(world)).toEqual(["*.dump", "*.dump.gz"]);
    expect(out(world).keys()[0]).toStartWith("my.dump_manual_");
  });

  test("works for a source that the project no longer has", async () => {
    const world = await filled();
    world.project = { ...world.project, sources: [] };
    expect((await restore(world, { decompress: true })).status).toBe("succeeded");
    expect([...world.server.databases.get("/out")!.keys()]).toEqual(["a.txt"]);
  });

  test("of a plain backup of a project that encrypts is refused until somebody agrees", async () => {
    const world = await filled();
    const project = { ...world.project, encryption: { type: "aes-256-gcm", settings: {} } };
    const request = { project, reference: "latest", file: "/out/b.tar.gz", signal: world.signal };
    const refused = await exportBackup(world.deps, request);
    expect(refused).toMatchObject({ status: "failed", error: { code: "backup_unencrypted" } });
    expect(world.directories.get("/out")?.keys() ?? []).toEqual([]);
    const agreed = await exportBackup(world.deps, { ...request, agreeToUnencrypted: async () => true });
    expect(agreed.status).toBe("succeeded");
  });

  test("replaces nothing", async () => {
    const world = await filled();
    await restore(world, { only: "db" });
    const again = await restore(world, { only: "db" });
    expect(again).toMatchObject({ status: "failed", error: { code: "target_not_empty" } });
    const decompressed = await restore(world, { only: "db", targetPath: "/other", decompress: true });
    expect(decompressed.status).toBe("succeeded");
    world.directories.get("/other")!.objects.delete(world.directories.get("/other")!.keys(".gz")[0]!);
    expect((await restore(world, { only: "db", targetPath: "/other", decompress: true })).status).toBe("failed");
    expect(world.directories.get("/other")!.keys(".dump").length).toBe(1);
  });

  test("passes on the warnings of unpacking", async () => {
    const world = await filled();
    world.server.faults.restoreWarnings = ["an owner is unknown here"];
    expect((await restore(world)).warnings).toEqual(["an owner is unknown here"]);
  });
});

describe("damage", () => {
  for (const raw of [true, false]) {
    test(`of the first storage is met by the next (${raw ? "raw" : "decrypted"})`, async () => {
      const world = await filled();
      world.store("one").flip(".dump.gz", 40);
      const run = await restore(world, { raw });
      expect(run.status).toBe("succeeded");
      expect(run.warnings[0]).toContain("trying two");
      expect(names(world).length).toBe(raw ? 2 : 1);
    });
  }

  test("of a later part takes only that part from the next storage", async () => {
    const world = await filled();
    world.store("one").flip(".files.tar.gz", 30);
    const run = await restore(world);
    expect(run.status).toBe("succeeded");
    expect((run.result["files"] as unknown[]).length).toBe(2);
    expect([...world.server.databases.get("/out")!.keys()]).toEqual(["a.txt"]);
  });

  test("that comes up while the plain form is written leaves no file of that storage behind", async () => {
    const world = await filled();
    const store = world.store("one");
    let reads = 0;
    const realRead = store.read.bind(store);
    store.read = async function* (key, options) {
      if (key.endsWith(".dump.gz") && ++reads === 3) throw new AppError("storage_failed", "reset");
      yield* realRead(key, options);
    };
    const run = await restore(world, { only: "db", decompress: true });
    expect(run).toMatchObject({ status: "succeeded" });
    expect(run.warnings[0]).toContain("trying two");
    expect(names(world)).toEqual(["*.dump", "*.dump.gz"]);
  });

  test("that comes up only in the second reading is found before the file gets its name", async () => {
    const world = await filled({ storages: ["one"] });
    const store = world.store("one");
    let reads = 0;
    const realRead = store.read.bind(store);
    store.read = async function* (key, options) {
      const isSecond = key.endsWith(".dump.gz") && ++reads === 2;
      for await (const chunk of realRead(key, options)) {
        if (isSecond) chunk[5] = chunk[5]! ^ 1;
        yield chunk;
      }
    };
    expect(await restore(world, { only: "db" })).toMatchObject({ status: "failed", error: { code: "backup_corrupt" } });
    expect(names(world)).toEqual([]);
  });

  test("everywhere leaves no file", async () => {
    for (const encrypted of [true, false]) {
      for (const raw of [true, false]) {
        const world = await filled({ encrypted });
        for (const name of ["one", "two"]) world.store(name).flip(encrypted ? ".dump.gz.enc" : ".dump.gz", -1);
        const run = await restore(world, { raw, decompress: true, only: "db" });
        expect(run).toMatchObject({ status: "failed", error: { code: "backup_corrupt" } });
        expect(names(world)).toEqual([]);
        expect(await out(world).listDebris(world.signal)).toEqual([]);
      }
    }
  });

  test("without a key nothing but raw bytes can be had", async () => {
    const world = await filled({ encrypted: true });
    const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({ ...real, decrypt: () => failing(new AppError("wrong_key", "another key")) });
    expect(await restore(world)).toMatchObject({ status: "failed", warnings: [], error: { code: "wrong_key" } });
    expect((await restore(world, { raw: true })).status).toBe("succeeded");
  });
});

test("a plain backup of a project that encrypts is written to files only when somebody agrees", async () => {
  const world = await filled();
  world.project = { ...world.project, encryption: { type: "aes-256-gcm", settings: {} } };
  for (const raw of [false, true]) {
    expect(await restore(world, { raw })).toMatchObject({ status: "failed", error: { code: "backup_unencrypted" } });
  }
  expect((await restore(world, { agreeToUnencrypted: async () => true })).status).toBe("succeeded");
});

describe("an export", () => {
  const exportTo = (world: TestDeps, file = "/out/b.tar.gz"): Promise<Run> =>
    exportBackup(world.deps, { project: world.project, reference: "latest", file, signal: world.signal });

  test("is one file, and says that it is not encrypted", async () => {
    const world = await filled({ encrypted: true });
    const run = await exportTo(world);
    expect(run).toMatchObject({ status: "succeeded", kind: "copy", result: { file: "/out/b.tar.gz" } });
    expect(run.warnings[0]).toContain("is not encrypted");
    expect(gunzipSync(out(world).objects.get("b.tar.gz")!.bytes).toString()).toContain("PGDMP fake");
  });

  test("replaces nothing", async () => {
    const world = await filled();
    await exportTo(world);
    expect(await exportTo(world)).toMatchObject({ status: "failed", error: { code: "object_exists" } });
  });

  test("of a damaged copy is taken from the next storage, and is not there when no copy is whole", async () => {
    const world = await filled();
    world.store("one").flip(".dump.gz", 40);
    expect((await exportTo(world)).warnings[0]).toContain("trying two");
    world.store("two").flip(".files.tar.gz", 30);
    expect((await exportTo(world, "/out/c.tar.gz")).status).toBe("failed");
    expect(out(world).keys()).toEqual(["b.tar.gz"]);
  });
});
