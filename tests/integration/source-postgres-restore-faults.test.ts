// What goes wrong with a PostgreSQL restore, provoked: every fault is a named error that leaves the target as it was.

import { expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pack } from "tar-stream";
import { connect } from "../../src/adapters/source/postgres/connection.ts";
import { checkExtensions } from "../../src/adapters/source/postgres/restore-archive.ts";
import { createScratchDatabase, newScratchId } from "../../src/adapters/source/postgres/scratch-database.ts";
import { openTmpSpace } from "../../src/adapters/source/postgres/tmp-space.ts";
import { AppError } from "../../src/domain/error.ts";
import { expectCode, restoreParts, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreMode, type Source } from "../../src/ports/source.ts";
import { canary, usePostgresBed } from "../support/postgres-bed.ts";
import { createTestDatabase } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const test = needs("pg_dump", "psql");
const never = new AbortController().signal;
const bed = usePostgresBed();

async function restoreInto(
  place: string,
  bytes: Uint8Array,
  format = "dump",
  mode: RestoreMode = "create",
  from: Source = bed.source(),
): Promise<void> {
  await using target = await from.openTarget({ database: place, mode, stopConnections: false, signal: never });
  await target.restore({ format, facts: {}, stream: streamOf(bytes) }, fullRestore, never);
  await target.commit();
}

test("roles are restored where they are missing, and go again when the restore is not committed", async () => {
  await bed.server.run(
    "postgres",
    `CREATE ROLE "gone; role" LOGIN PASSWORD 'x;y'`,
    `COMMENT ON ROLE "gone; role" IS E'two\\nlines; here'`,
  );
  await bed.server.run("postgres", `GRANT "gone; role" TO backup`);
  const taken = await takeDump(bed.source({ options: { globals: true } }));
  await bed.server.run("postgres", `DROP ROLE "gone; role"`);
  const part = () => restoreParts(taken).find((candidate) => candidate.format === "globals.sql")!;
  const exists = `SELECT rolcanlogin AS login, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = 'gone; role'`;
  const request = { database: bed.newName(), mode: "create", stopConnections: false, signal: never } as const;
  {
    await using target = await bed.source().openTarget(request);
    const { warnings } = await target.restore(part(), fullRestore, never);
    expect(warnings.join("\n")).toContain("left as they are: backup");
    expect(await bed.server.run("postgres", exists)).toEqual([{ login: true, comment: "two\nlines; here" }]);
  }
  expect(await bed.server.run("postgres", exists)).toEqual([]);
});

test("a role that cannot create databases restores into an empty one of its own, all or nothing", async () => {
  await bed.server.run(
    "postgres",
    `CREATE ROLE tenant LOGIN PASSWORD '${canary}'`,
    "CREATE DATABASE tenant_db OWNER tenant TEMPLATE template0",
  );
  const { parts } = await takeDump(bed.source());
  const from = bed.source({ user: "tenant", database: "tenant_db" });
  await using target = await from.openTarget({
    database: "tenant_db",
    mode: "create",
    stopConnections: false,
    signal: never,
  });
  expect(target.swaps).toBe(false);
  const options = { ...fullRestore, noOwner: true, noPrivileges: true };
  await expect(
    target.restore(
      { format: "dump", facts: {}, stream: streamOf(parts[0]!.bytes.subarray(0, 300_000)) },
      options,
      never,
    ),
  ).rejects.toBeInstanceOf(AppError);
  expect((await from.inspectTarget("tenant_db", never)).empty).toBe(true);
  await target.restore({ format: "dump", facts: {}, stream: streamOf(parts[0]!.bytes) }, options, never);
  await target.commit();
  expect(await bed.server.run("tenant_db", "SELECT count(*)::int AS n FROM orders")).toEqual([{ n: 20000 }]);
});

test("a missing owner is named before anything is written, and --no-owner helps", async () => {
  await bed.server.run("postgres", "CREATE ROLE leaver");
  await createTestDatabase(bed.server, "owned", "CREATE TABLE t (a int)", "ALTER TABLE t OWNER TO leaver");
  const { parts } = await takeDump(bed.source({ database: "owned" }));
  await bed.server.run("postgres", "DROP DATABASE owned", "DROP ROLE leaver");
  const place = bed.newName();
  const error = await expectCode(restoreInto(place, parts[0]!.bytes), "restore_failed");
  expect(error.message).toContain("leaver");
  expect(error.hint).toContain("--no-owner");
  await using target = await bed.source().openTarget({
    database: place,
    mode: "create",
    stopConnections: false,
    signal: never,
  });
  await target.restore(
    { format: "dump", facts: {}, stream: streamOf(parts[0]!.bytes) },
    { ...fullRestore, noOwner: true },
    never,
  );
});

test("an extension that the target server lacks is named before anything is written", async () => {
  await using connection = await connect(bed.server.admin, { database: "postgres", signal: never });
  const entry = {
    dumpId: 1,
    kind: "EXTENSION",
    name: "no_such_extension",
    schema: null,
    owner: null,
    tablespace: null,
    definition: "",
    hasData: false,
    drop: "",
    dependsOn: [],
  };
  const head = { database: "x", serverVersion: "15", toolVersion: "15", entries: [entry], sizeBytes: 0, intBytes: 4 };
  const error = await expectCode(checkExtensions(connection, head), "restore_failed");
  expect(error.message).toContain("no_such_extension");
});

test("pg_restore that dies half-way leaves the original as it was", async () => {
  const { parts } = await takeDump(bed.source());
  await createTestDatabase(bed.server, "original", "CREATE TABLE mine AS SELECT 7 AS a");
  const pgBinDir = await bed.fakeTools("pg_restore", `head -c 200000 | $REAL/pg_restore "$@"; kill -9 $$`);
  for (const mode of ["drop", "clean", "append"] as const) {
    await expectCode(
      restoreInto("original", parts[0]!.bytes, "dump", mode, bed.source({ pgBinDir })),
      "restore_failed",
    );
    expect(await bed.server.run("original", "SELECT a, to_regclass('orders') AS other FROM mine")).toEqual([
      { a: 7, other: null },
    ]);
  }
});

test("mode drop refuses while others are connected, names them, and stops them when asked", async () => {
  const { parts } = await takeDump(bed.source());
  await createTestDatabase(bed.server, "busy", "CREATE TABLE mine AS SELECT 7 AS a");
  const other = await connect(bed.server.admin, { database: "busy", signal: never });
  const [me] = await other.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const error = await expectCode(restoreInto("busy", parts[0]!.bytes, "dump", "drop"), "restore_failed");
  expect(error.message).toContain(String(me!.pid));
  expect(error.hint).toContain("--stop-connections");
  await using target = await bed.source().openTarget({
    database: "busy",
    mode: "drop",
    stopConnections: true,
    signal: never,
  });
  await target.restore({ format: "dump", facts: {}, stream: streamOf(parts[0]!.bytes) }, fullRestore, never);
  await target.commit();
  expect(await bed.server.run("busy", "SELECT count(*)::int AS n FROM orders")).toEqual([{ n: 20000 }]);
  await other[Symbol.asyncDispose]();
});

test("leftovers of a dead process are dropped, those of a live one and look-alikes are not", async () => {
  const live = await createScratchDatabase(bed.server.admin, `backupctl_drill_${newScratchId()}`, {}, never);
  const dead = `backupctl_drill_${newScratchId()}`;
  const lookAlike = "mine_restore_0123456789ab";
  await createTestDatabase(bed.server, dead);
  await createTestDatabase(bed.server, lookAlike);
  await bed.server.run(
    "postgres",
    `COMMENT ON DATABASE ${dead} IS 'temporary database of backupctl, removed when its process has ended'`,
  );
  await using drill = await bed.source().openDrill({ on: "project", signal: never });
  expect(drill.swaps).toBe(true);
  const databases = await bed.server.listDatabases();
  expect(databases).not.toContain(dead);
  expect(databases).toContain(live.name);
  expect(databases).toContain(lookAlike);
  await live[Symbol.asyncDispose]();
  await bed.server.run("postgres", `DROP DATABASE ${lookAlike}`);
});

test("a restore that is aborted ends at once and leaves nothing", async () => {
  const { parts } = await takeDump(bed.source());
  const controller = new AbortController();
  const reason = new AppError("cancelled", "run was cancelled");
  async function* slow() {
    yield parts[0]!.bytes.subarray(0, 300_000);
    setTimeout(() => controller.abort(reason), 200);
    await Bun.sleep(20_000);
  }
  const place = bed.newName();
  const started = performance.now();
  const restoring = (async () => {
    await using target = await bed.source().openTarget({
      database: place,
      mode: "create",
      stopConnections: false,
      signal: controller.signal,
    });
    await target.restore({ format: "dump", facts: {}, stream: slow() }, fullRestore, controller.signal);
  })();
  await expect(restoring).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(8_000);
  expect(await bed.server.listDatabases()).not.toContain(place);
}, 30_000);

for (const [title, sql] of [
  ["a shell command at the beginning", "\\! touch FILE\nCREATE TABLE t (a int);\n"],
  ["a shell command behind a statement", "SELECT 1 \\! touch FILE\n;\n"],
  ["a copy to a program", "CREATE TABLE t (a int);\n\\copy t to program 'touch FILE'\n"],
  ["an output file", "SELECT 'x' \\g FILE\n"],
  ["a connection elsewhere", "\\connect postgres\nCREATE TABLE t (a int);\n"],
  ["a forged end of the restriction", "\\unrestrict x\n\\! touch FILE\n"],
  ["a restriction of its own that ends", "\\restrict k\nSELECT 1;\n\\unrestrict k\n\\! touch FILE\n"],
] as const) {
  test(`plain SQL with ${title} is refused and runs nothing here`, async () => {
    const file = join(bed.toolDir, "written");
    const place = bed.newName();
    await expectCode(restoreInto(place, Buffer.from(sql.replaceAll("FILE", file)), "sql"), "restore_failed");
    expect(await readdir(bed.toolDir)).toEqual([]);
    expect(await bed.server.listDatabases()).not.toContain(place);
  });
}

test("plain SQL that fails in the middle leaves nothing", async () => {
  const place = bed.newName();
  const sql = "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nSELECT 1/0;\n";
  const error = await expectCode(restoreInto(place, Buffer.from(sql), "sql"), "restore_failed");
  expect(error.message).toContain("division by zero");
  expect(await bed.server.listDatabases()).not.toContain(place);
});

test("plain SQL whose text holds backslash lines inside strings and data is restored", async () => {
  const place = bed.newName();
  const sql =
    "CREATE TABLE t (a text);\nINSERT INTO t VALUES ('x\n\\! y\n\\unrestrict z');\nCOPY t FROM stdin;\n\\\\! data\n\\.\n";
  await restoreInto(place, Buffer.from(sql), "sql");
  expect(await bed.server.run(place, "SELECT a FROM t ORDER BY length(a)")).toEqual([
    { a: "\\! data" },
    { a: "x\n\\! y\n\\unrestrict z" },
  ]);
});

test("a directory dump with a foreign path in its tar is refused", async () => {
  const tar = pack();
  tar.entry({ name: "../outside" }, "x");
  tar.finalize();
  const error = await expectCode(
    bed.source().verifyStructure({ format: "dir.tar", facts: {}, stream: tar as AsyncIterable<Uint8Array> }, never),
    "backup_corrupt",
  );
  expect(error.message).toContain("../outside");
});

test("too little room for a parallel dump is said before it starts", async () => {
  const error = await expectCode(openTmpSpace(bed.tmpDir, 1e18, "a parallel dump"), "disk_full");
  expect(error.message).toContain("1000000.0 TB");
});

test("a role with no more than CREATEDB restores an extension and its comment", async () => {
  await bed.server.run("postgres", `CREATE ROLE maker LOGIN CREATEDB PASSWORD '${canary}'`);
  await createTestDatabase(
    bed.server,
    "extended",
    "CREATE EXTENSION pg_trgm",
    "COMMENT ON EXTENSION pg_trgm IS 'ours'",
    "COMMENT ON SCHEMA public IS 'ours too'",
    "CREATE TABLE t (a text)",
    "CREATE INDEX ON t USING gin (a gin_trgm_ops)",
    "INSERT INTO t VALUES ('x')",
  );
  const { parts, summary } = await takeDump(bed.source({ database: "extended" }));
  const place = bed.newName();
  const from = bed.source({ user: "maker", database: "shop" });
  await using target = await from.openTarget({
    database: place,
    mode: "create",
    stopConnections: false,
    signal: never,
  });
  const options = { ...fullRestore, noOwner: true, noPrivileges: true };
  await target.restore({ format: "dump", facts: summary.facts, stream: streamOf(parts[0]!.bytes) }, options, never);
  await target.commit();
  expect(await bed.server.run(place, "SELECT a FROM t WHERE a LIKE 'x'")).toEqual([{ a: "x" }]);
  await from.openDrill({ on: "project", signal: never }).then((drill) => drill[Symbol.asyncDispose]());
});

test("a process that is killed leaves no tool running, and its scratch database goes with the next drill", async () => {
  const { parts } = await takeDump(bed.source());
  const file = join(bed.toolDir, "archive.dump");
  await Bun.write(file, parts[0]!.bytes);
  const script = `
    import { open } from ${JSON.stringify(join(import.meta.dir, "../../src/adapters/source/postgres/index.ts"))};
    const config = ${JSON.stringify({ ...bed.server.admin, name: "shop" })};
    const source = open(config, { tmpDir: ${JSON.stringify(bed.toolDir)}, tools: {}, log() {} });
    const signal = new AbortController().signal;
    const drill = await source.openDrill({ on: "project", signal });
    async function* slow() {
      const bytes = new Uint8Array(await Bun.file(${JSON.stringify(file)}).arrayBuffer());
      yield bytes.subarray(0, 500_000);
      console.log("half");
      await Bun.sleep(60_000);
    }
    await drill.restore({ format: "dump", facts: {}, stream: slow() }, ${JSON.stringify(fullRestore)}, signal);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "ignore" });
  for await (const _ of child.stdout) break;
  await Bun.sleep(300);
  const scratch = (await bed.server.listDatabases()).find((name) => name.startsWith("backupctl_drill_"));
  expect(scratch).toBeDefined();
  child.kill("SIGKILL");
  await child.exited;
  const sessions = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname LIKE 'backupctl_drill_%'`;
  for (let tries = 0; tries < 50; tries++) {
    const [row] = await bed.server.run("postgres", sessions);
    if (row?.["n"] === 0) break;
    await Bun.sleep(100);
  }
  await using drill = await bed.source().openDrill({ on: "project", signal: never });
  expect(drill.swaps).toBe(true);
  expect(await bed.server.listDatabases()).not.toContain(scratch);
}, 30_000);
