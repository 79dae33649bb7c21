// PostgreSQL servers of two versions, as a user meets them: backed up by the compiled program to a disk, a bucket and
// an SFTP server at once, restored in every way it offers, and opened by the stock tools without it.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chown, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath, testWithBinary as test } from "../support/binary.ts";
import { describeDatabase } from "../support/describe-postgres.ts";
import { databaseOn, oddName, oddPassword, openOddPostgres, type OddPostgres } from "../support/odd-postgres.ts";
import { createTestDatabase, type TestServer } from "../support/postgres-server.ts";
import { threeNames } from "../support/three-storages.ts";
import { findToolDirectory } from "../support/tools.ts";
import type { BackupsJson, RunsJson, World } from "../support/world.ts";

let beds: OddPostgres;
let old: TestServer;
let newer: TestServer | undefined;
beforeAll(async () => {
  beds = await openOddPostgres();
  ({ old, newer } = beds);
}, 90_000);
afterAll(() => beds[Symbol.asyncDispose](), 60_000);

const odd = oddName;
const password = oddPassword;

async function expectNothingLeft(world: World): Promise<void> {
  const left = await readdir(join(world.env["BACKUP_BASE_DIR"]!, ".tmp")).catch(() => []);
  expect(left).toEqual([]);
  for (const server of [old, newer]) {
    const names = (await server?.listDatabases()) ?? [];
    expect(names.filter((name) => /_(restore|old|drill)_/.test(name))).toEqual([]);
  }
}

async function succeed(world: World, ...args: string[]) {
  const outcome = await world.run(...args);
  expect({ args, ...outcome }).toMatchObject({ exitCode: 0 });
  return outcome;
}

describe("PostgreSQL by the program", () => {
  for (const [how, options] of [
    ["as one stream with roles", { globals: true }],
    ["in parallel", { parallel: 3, globals: true }],
  ] as const) {
    test(`everything, ${how}, to three storages at once, comes back on both versions`, async () => {
      await using world = await beds.openWorld(options, { verification: { enabled: true, level: "restore" } });
      const before = await describeDatabase(old, odd);
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs[0]).toMatchObject({ status: "succeeded", partial: false, error: null });
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups[0]).toMatchObject({ storages: ["disk", "bucket", "box"] });
      expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });
      for (const storage of threeNames) {
        const target = `back ${how} "${storage}"`;
        await succeed(
          world,
          "restore",
          "shop",
          "latest",
          "--into-database",
          target,
          "--storage",
          storage,
          "--jobs",
          "3",
        );
        expect(await describeDatabase(old, target)).toBe(before);
      }
      if (newer !== undefined) {
        const target = `nëw ${how}`;
        await succeed(world, "restore", "shop", "latest", "--into-database", target, "--target", "newer");
        const rows = await newer.run(target, "SELECT count(*)::int AS n FROM data.all_types");
        expect(rows[0]!["n"]).toBe(502);
      }
      await expectNothingLeft(world);
    }, 120_000);
  }

  test("a database in use is replaced only when its connections may be ended, and is backed up before", async () => {
    await using world = await beds.openWorld({});
    await succeed(world, "run", "shop");
    await createTestDatabase(old, "in use", "CREATE TABLE precious (id int)", "INSERT INTO precious VALUES (42)");
    const SQL = Bun.SQL;
    await using session = new SQL({
      adapter: "postgres",
      hostname: "127.0.0.1",
      port: old.port,
      username: "backup",
      password,
      database: "in use",
      max: 1,
    });
    await session`SELECT 1`;
    const args = ["restore", "shop", "latest", "--into-database", "in use", "--mode", "drop", "--yes"];
    const refused = await world.run(...args);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("--stop-connections");
    expect(await old.run("in use", "SELECT id FROM precious")).toEqual([{ id: 42 }]);
    const before = await world.json<BackupsJson>("snapshots", "shop");
    expect(before.backups.filter(({ type }) => type === "safety")).toEqual([]);
    await expectNothingLeft(world);

    await succeed(world, ...args, "--stop-connections");
    expect(await describeDatabase(old, "in use")).toBe(await describeDatabase(old, odd));
    const { backups } = await world.json<BackupsJson>("snapshots", "shop");
    const safety = backups.find(({ type }) => type === "safety")!;
    await succeed(world, "restore", "shop", safety.id, "--into-database", "from safety");
    expect(await old.run("from safety", "SELECT id FROM precious")).toEqual([{ id: 42 }]);
    await expectNothingLeft(world);
  }, 60_000);

  test("one table, only the schema, only the data", async () => {
    await using world = await beds.openWorld({});
    await succeed(world, "run", "shop");
    const table = '"weird schema"."we""ird"';
    await succeed(world, "restore", "shop", "latest", "--into-database", "one table", "--table", table);
    expect(await old.run("one table", `SELECT * FROM ${table} ORDER BY id`)).toEqual([
      { id: 1, "a.b": "one" },
      { id: 2, "a.b": "" },
      { id: 3, "a.b": null },
    ]);
    expect(
      await old.run("one table", "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace > 16383"),
    ).toEqual([{ relname: 'we"ird' }]);
    const none = await world.run("restore", "shop", "latest", "--into-database", "no table", "--table", "wierd");
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain("wierd");

    await succeed(world, "restore", "shop", "latest", "--into-database", "just schema", "--schema-only");
    expect(await old.run("just schema", "SELECT count(*)::int AS n FROM data.all_types")).toEqual([{ n: 0 }]);
    await old.run("just schema", "DROP TRIGGER touch ON data.parent");
    const filled = ["--mode", "append", "--data-only", "--yes", "--no-safety-backup"];
    await succeed(world, "restore", "shop", "latest", "--into-database", "just schema", ...filled, "--table", table);
    expect(await old.run("just schema", `SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 3 }]);
    await expectNothingLeft(world);
  }, 60_000);

  test("what lay in a tablespace comes back where there is none, with a warning", async () => {
    const place = await mkdtemp(join(tmpdir(), "bk-space-"));
    const owner = await stat(old.admin.host);
    await chown(place, owner.uid, owner.gid);
    await old.run("postgres", `CREATE TABLESPACE "fast 'disk'" LOCATION '${place}'`);
    const space = `TABLESPACE "fast 'disk'"`;
    const name = "spaced";
    await createTestDatabase(old, name, `CREATE TABLE t ${space} AS SELECT 1 AS a`, `CREATE INDEX i ON t (a) ${space}`);
    try {
      const verification = { enabled: true, level: "restore", drill: { on: "throwaway" } };
      await using world = await beds.openWorld({}, { database: databaseOn(old, name), storage: "disk", verification });
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });
      await old.run("postgres", `DROP DATABASE ${name}`, `DROP ${space}`);
      const restored = await succeed(world, "restore", "shop", "latest", "--into-database", name);
      expect(restored.stderr).toContain("fast 'disk'");
      expect(await old.run(name, "SELECT a FROM t")).toEqual([{ a: 1 }]);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }, 60_000);

  test("newer client programs than the server restore what they dumped", async () => {
    const directory = findToolDirectory("postgresql-17");
    if (directory === undefined) return;
    const verification = { enabled: true, level: "restore" };
    await using world = await beds.openWorld({}, { storage: "disk", verification }, { PG_BIN_DIR: directory });
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
    const { backups } = await world.json<BackupsJson>("snapshots", "shop");
    expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });
    await succeed(world, "restore", "shop", "latest", "--into-database", "by newer", "--jobs", "2");
    expect(await describeDatabase(old, "by newer")).toBe(await describeDatabase(old, odd));
  }, 60_000);

  test("mode clean that fails behind the large objects has changed nothing", async () => {
    await createTestDatabase(
      old,
      "with large",
      "CREATE TABLE precious AS SELECT 1 AS id",
      "CREATE INDEX precious_id ON precious (id)",
      "SELECT lo_from_bytea(700001, 'large')",
    );
    await using world = await beds.openWorld({}, { storage: "disk", database: databaseOn(old, "with large") });
    await succeed(world, "run", "shop");
    await old.run(
      "with large",
      "UPDATE precious SET id = 42",
      "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END'",
      "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN tag IN ('CREATE INDEX') EXECUTE FUNCTION refuse()",
    );
    const args = ["restore", "shop", "latest", "--into-database", "with large", "--mode", "clean", "--yes"];
    const failed = await world.run(...args, "--no-safety-backup");
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("not today");
    expect(await old.run("with large", "SELECT id FROM precious")).toEqual([{ id: 42 }]);
    await old.run("with large", "DROP EVENT TRIGGER refuse");
    await succeed(world, ...args);
    expect(await old.run("with large", "SELECT id FROM precious")).toEqual([{ id: 1 }]);
    expect(await old.run("with large", "SELECT lo_get(700001)::text AS t")).toEqual([{ t: "\\x6c61726765" }]);
  }, 60_000);

  test("a dump that stopped half-way through a table leaves no backup, no child and nothing temporary", async () => {
    await using world = await beds.openWorld({}, { storage: ["disk", "bucket"], database: databaseOn(old, "large") });
    await createTestDatabase(
      old,
      "large",
      "CREATE TABLE lines AS SELECT i, repeat(md5(i::text), 40) AS t FROM generate_series(1, 100000) AS i",
    );
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const objects = new Set(beds.storages.s3.objects.keys());
      const child = Bun.spawn([binaryPath, "run", "shop"], {
        cwd: world.dir,
        env: { HOME: world.dir, PATH: process.env["PATH"]!, ...world.env },
        stdout: "ignore",
        stderr: "ignore",
      });
      const dumping = await waitForChild(child.pid, "pg_dump");
      await Bun.sleep(300);
      child.kill(signal);
      expect(await child.exited).toBe(signal === "SIGKILL" ? 137 : 130);
      await Bun.sleep(200);
      expect({ signal, state: stateOf(dumping) }).toEqual({ signal, state: "gone" });
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups).toEqual([]);
      if (signal === "SIGTERM") {
        expect(await world.listObjects("disk")).toEqual([]);
        expect([...beds.storages.s3.objects.keys()].filter((key) => !objects.has(key))).toEqual([]);
        expect(beds.storages.s3.uploads.size).toBe(0);
      }
      const next = await world.run("storage", "list");
      expect(next.exitCode).toBe(0);
    }
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "succeeded" });
    await expectNothingLeft(world);
  }, 60_000);
});

async function waitForChild(parent: number, program: string): Promise<number> {
  for (let tries = 0; tries < 400; tries++) {
    const listed = Bun.spawnSync(["ps", "-e", "-o", "pid=,ppid=,comm="]).stdout.toString();
    const rows = listed.split("\n").map((line) => line.trim().split(/\s+/));
    const found = rows.find(([, owner, name]) => Number(owner) === parent && name === program);
    if (found !== undefined) return Number(found[0]);
    await Bun.sleep(10);
  }
  throw new Error(`${program} did not start`);
}

/** An orphan that nobody has buried yet has ended too. */
function stateOf(pid: number): string {
  const state = Bun.spawnSync(["ps", "-o", "stat=", "-p", `${pid}`])
    .stdout.toString()
    .trim();
  return state === "" || state.startsWith("Z") ? "gone" : state;
}
