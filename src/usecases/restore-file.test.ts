import { describe, expect, test } from "bun:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { AppError } from "../domain/error.ts";
import type { Run } from "../domain/run/run.ts";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { describeFakeTables, failing, tablesOf } from "../../tests/support/fake-source.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { intoNewDatabase } from "../../tests/support/run-fake-restore.ts";
import { bundleParts } from "./bundle-parts.ts";
import { exportBackup } from "./export-backup.ts";
import { parseManifest } from "../domain/backup/parse-manifest.ts";
import { restoreFile, type RestoreFileRequest } from "./restore-file.ts";

const into = {
  spec: { name: "database", type: "postgres", settings: { database: "copy" } },
  database: "copy",
} as const;
const file = "/in/shop.dump.gz";

async function restore(world: TestDeps, changes: Partial<RestoreFileRequest> = {}): Promise<Run> {
  return restoreFile(world.deps, {
    file,
    project: world.project,
    into: [into],
    targetPath: null,
    strictSniff: false,
    allowSql: false,
    ...intoNewDatabase(world),
    ...changes,
  });
}

/** A world whose backup's dump lies as a file, too. */
async function filled(options: TestDepsOptions = {}): Promise<TestDeps> {
  const verification = { enabled: true, level: "checksum", rowCounts: "exact", drillOn: "project" } as const;
  const world = openTestDeps({ ...options, project: { verification, ...options.project } });
  await backUpOnce(world);
  const [key] = world.store("one").keys(options.encrypted === true ? ".enc" : ".dump.gz");
  world.files.set(file, world.store("one").objects.get(key!)!.bytes);
  return world;
}

const contentOf = (world: TestDeps, place: string): string => describeFakeTables(world.server.databases.get(place));

async function bundle(world: TestDeps): Promise<void> {
  const { project, signal } = world;
  const run = await exportBackup(world.deps, { project, reference: "latest", file: "/out/b.tar.gz", signal });
  expect(run.status).toBe("succeeded");
  world.files.set(file, world.directories.get("/out")!.objects.get("b.tar.gz")!.bytes);
}

describe("a file into a database", () => {
  for (const encrypted of [true, false]) {
    test(`gives the same content, with the key and nothing else (${encrypted ? "encrypted" : "plain"})`, async () => {
      const world = await filled({ encrypted });
      const run = await restore(world, { project: null });
      expect(run).toMatchObject({ status: "succeeded", project: "shop.dump.gz", warnings: [] });
      expect(contentOf(world, "copy")).toBe(contentOf(world, "shop"));
      expect(world.locks.holders.size).toBe(0);
    });
  }

  test("of a project that writes just that is restored without a warning, strict or not", async () => {
    const world = await filled();
    expect(await restore(world, { strictSniff: true })).toMatchObject({ status: "succeeded", warnings: [] });
  });

  test("of a project is warned of when it is not what the project writes, and refused with strict", async () => {
    const world = await filled();
    world.project = { ...world.project, encryption: { type: "aes-256-gcm", settings: {} } };
    const run = await restore(world);
    expect(run.status).toBe("succeeded");
    expect(run.warnings).toEqual([`${file} has the layers [gzip], project shop writes [aes-256-gcm, gzip]`]);
    const strict = await restore(world, { strictSniff: true, into: [{ ...into, database: "other" }] });
    expect(strict).toMatchObject({ status: "failed", error: { code: "unsupported" } });
    world.project = { ...world.project, encryption: null, compression: { algorithm: "none", level: 0 } };
    expect((await restore(world, { into: [{ ...into, database: "third" }] })).warnings.length).toBe(1);
  });

  test("is refused when something is there; with agreement a safety backup is made first", async () => {
    const world = await filled();
    world.server.databases.set("copy", tablesOf({ precious: ["a"] }));
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "target_not_empty" } });
    const bare = await restore(world, { mode: "drop", safetyBackup: true, project: null });
    expect(bare).toMatchObject({ status: "failed", error: { code: "restore_failed" } });
    expect(contentOf(world, "copy")).toBe(JSON.stringify([["precious", ["a"]]]));
    const run = await restore(world, { mode: "drop", safetyBackup: true });
    expect(run.status).toBe("succeeded");
    expect(run.result["safetyBackupId"]).toBeString();
    expect(contentOf(world, "copy")).toBe(contentOf(world, "shop"));
  });

  test("that was cut restores nothing", async () => {
    for (const encrypted of [true, false]) {
      const world = await filled({ encrypted });
      const bytes = world.files.get(file)!;
      world.files.set(file, bytes.subarray(0, -7));
      expect(await restore(world, { project: null })).toMatchObject({
        status: "failed",
        error: { code: "backup_corrupt" },
      });
      expect(world.server.databases.has("copy")).toBe(false);
    }
  });

  test("must be of the database's kind", async () => {
    const world = await filled();
    const sqlite = { ...into, spec: { ...into.spec, type: "sqlite" } };
    expect(await restore(world, { into: [sqlite] })).toMatchObject({ error: { code: "unsupported" } });
    world.files.set(file, new TextEncoder().encode("neither this nor that"));
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "unsupported" } });
  });

  test("of plain SQL is restored only when asked, or when it was sealed with the key", async () => {
    const world = await filled();
    const sql = Buffer.from("-- PostgreSQL database dump\nCREATE TABLE t(x int);\n");
    world.files.set(file, sql);
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "unsupported" } });
    expect((await restore(world)).error!.message).toContain("plain SQL");
    // The fake server reads no SQL: that it is asked is enough.
    expect(await restore(world, { allowSql: true })).toMatchObject({ error: { code: "backup_corrupt" } });
    const cluster = Buffer.from("--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE a;\n");
    world.files.set(file, cluster);
    expect(await restore(world, { allowSql: true })).toMatchObject({ error: { code: "backup_corrupt" } });
  });

  test("that is not there is an error, and a held lock is a refusal", async () => {
    const world = await filled();
    expect(await restore(world, { file: "/in/absent" })).toMatchObject({ status: "failed", error: { code: "usage" } });
    await using _held = await world.deps.lock.acquire("shop", "backup");
    await expect(restore(world)).rejects.toMatchObject({ code: "lock_held" });
  });
});

describe("a file to files", () => {
  const toFiles = { into: [], targetPath: "/out" } as const;

  test("is refused when it is empty or its first bytes are damaged, and nothing is written", async () => {
    const world = await filled();
    const damaged = Buffer.from(world.files.get(file)!);
    damaged[0]! ^= 1;
    for (const bytes of [damaged, new Uint8Array(0)]) {
      world.files.set(file, bytes);
      expect(await restore(world, toFiles)).toMatchObject({ status: "failed", error: { code: "backup_corrupt" } });
      expect(world.directories.get("/out")).toBeUndefined();
    }
  });

  test("is written plain, without its endings", async () => {
    const world = await filled({ encrypted: true });
    const run = await restore(world, toFiles);
    expect(run).toMatchObject({ status: "succeeded", result: { files: [{ path: "/out/shop.dump", plain: true }] } });
    const [written] = world.directories.get("/out")!.objects.values();
    expect(Buffer.from(written!.bytes).toString()).toStartWith("PGDMP fake");
    expect(await restore(world, toFiles)).toMatchObject({ error: { code: "target_not_empty" } });
  });

  test("gets another name when it has no such ending, and is named by what it is", async () => {
    const world = await filled();
    world.files.set("/in/x.sql", gzipSync("-- MySQL dump 10.13\nCREATE TABLE t(x int);\n"));
    const run = await restore(world, { ...toFiles, file: "/in/x.sql" });
    expect(run.result["files"]).toMatchObject([{ path: "/out/x.sql.plain" }]);
    expect(world.log().some((line) => line.includes("SQL"))).toBe(true);
  });

  test("is not there when it was cut", async () => {
    const world = await filled({ encrypted: true });
    world.files.set(file, world.files.get(file)!.subarray(0, -7));
    expect(await restore(world, toFiles)).toMatchObject({ status: "failed", error: { code: "backup_corrupt" } });
    expect(world.directories.get("/out")?.keys() ?? []).toEqual([]);
  });
});

describe("a bundle", () => {
  test("restores the parts of the database's kind, proven by its own manifest", async () => {
    const world = openTestDeps({
      encrypted: true,
      project: { verification: { enabled: true, level: "checksum", rowCounts: "exact", drillOn: "project" } },
    });
    world.server.faults.hasGlobals = true;
    await backUpOnce(world);
    await bundle(world);
    const run = await restore(world);
    expect(run).toMatchObject({
      status: "succeeded",
      warnings: [],
      result: { database: { compared: true, rows: 201 } },
    });
    expect(contentOf(world, "copy")).toBe(contentOf(world, "shop"));
    const files = { ...into, spec: { ...into.spec, type: "files" } };
    expect(await restore(world, { into: [files] })).toMatchObject({ error: { code: "unsupported" } });
  });

  test("says whether its manifest is damaged, newer than the program, or another program's", async () => {
    const world = await filled();
    await bundle(world);
    const unpacked = gunzipSync(world.files.get(file)!);
    const edited = async (from: string, to: string): Promise<Run> => {
      const bytes = Buffer.from(unpacked.toString("latin1").replace(from, to), "latin1");
      world.files.set(file, gzipSync(bytes));
      return restore(world);
    };
    const newer = await edited('"formatVersion": 1', '"formatVersion": 7');
    expect(newer.error).toMatchObject({ code: "manifest_invalid", hint: "use a newer version of backupctl" });
    const damaged = await edited('"formatVersion": 1', '"formatVersion"; 1');
    expect(damaged.error).toMatchObject({ code: "backup_corrupt" });
    expect(damaged.error?.message).toContain(file);
    const edit = await edited('"backupId": "', '"backupid": "');
    expect(edit.error).toMatchObject({ code: "manifest_invalid" });
    const foreign = await edited('"format": "', '"kind":   "');
    expect(foreign.error).toMatchObject({ code: "unsupported" });
    expect(foreign.error?.message).toContain("another program");
  });

  test("fills a database and a directory at once, and looks at both before it touches one", async () => {
    const world = openTestDeps();
    const uploads = { name: "assets", type: "files", settings: { database: "/uploads" } };
    world.project = { ...world.project, sources: [...world.project.sources, uploads] };
    world.server.databases.set("/uploads", tablesOf({ "a.txt": ["hello"] }));
    await backUpOnce(world);
    await bundle(world);
    const assets = { spec: { name: "assets", type: "files", settings: {} }, database: "/files" };
    const run = await restore(world, { into: [into, assets] });
    expect(run).toMatchObject({
      status: "succeeded",
      result: { database: { into: "copy" }, assets: { into: "/files" } },
    });
    expect(contentOf(world, "copy")).toBe(contentOf(world, "shop"));
    expect(contentOf(world, "/files")).toBe(contentOf(world, "/uploads"));
    const again = await restore(world, { into: [{ ...into, database: "second" }, assets] });
    expect(again).toMatchObject({ status: "failed", error: { code: "target_not_empty" } });
    expect(world.server.databases.has("second")).toBe(false);
    const single = await filled();
    expect(await restore(single, { into: [into, assets] })).toMatchObject({ error: { code: "usage" } });
    expect(single.server.databases.has("copy")).toBe(false);
  });

  test("whose part is not what its manifest says, or is missing, is corrupt", async () => {
    const world = await filled();
    await bundle(world);
    const opened = await world.deps.openBundle(file, null, world.signal);
    await opened.close();
    const manifest = parseManifest(opened.manifestText);
    const read = async (change: Partial<(typeof manifest.parts)[number]>): Promise<void> => {
      const parts = manifest.parts.map((part) => ({ ...part, ...change }));
      const [part] = bundleParts(world.deps, file, null, { ...manifest, parts }, "database");
      for await (const _chunk of part!.open(world.signal));
    };
    await read({});
    await expect(read({ plainSha256: "0".repeat(64) })).rejects.toMatchObject({ code: "backup_corrupt" });
    await expect(read({ plainBytes: 3 })).rejects.toMatchObject({ code: "backup_corrupt" });
    await expect(read({ name: "absent" })).rejects.toThrow("holds no database/absent.dump");
    expect(bundleParts(world.deps, file, null, { ...manifest, sources: [] }, "database")[0]!.facts).toEqual({});
  });

  test("of another program is refused with a way out", async () => {
    const world = await filled();
    await bundle(world);
    const real = world.deps.openBundle.bind(world.deps);
    const deps = {
      ...world.deps,
      openBundle: async (...args: Parameters<typeof real>) => ({
        ...(await real(...args)),
        manifestText: '{"theirs":1}',
      }),
    };
    const run = await restore({ ...world, deps });
    expect(run).toMatchObject({ status: "failed", error: { code: "unsupported" } });
    expect(run.error!.hint).toContain("--from");
  });

  test("with a wrong key touches nothing", async () => {
    const world = await filled({ encrypted: true });
    const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({
      ...real,
      decrypt: () => failing(new AppError("wrong_key", "needs another key")),
    });
    expect(await restore(world)).toMatchObject({ status: "failed", error: { code: "wrong_key" } });
    expect(world.server.databases.has("copy")).toBe(false);
  });
});
