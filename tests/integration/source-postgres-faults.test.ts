// What goes wrong with PostgreSQL, provoked: every fault is a named error that leaves nothing behind.

import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresOptions } from "../../src/adapters/source/postgres/config.ts";
import { open } from "../../src/adapters/source/postgres/index.ts";
import { AppError } from "../../src/domain/error.ts";
import {
  collect,
  expectCode,
  plainRestore,
  restoreParts,
  streamOf,
  takeDump,
} from "../../src/ports/source.contract.ts";
import type { RestoreMode, Source } from "../../src/ports/source.ts";
import { createTestDatabase, loginAs, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const test = needs("pg_dump", "psql");
const never = new AbortController().signal;
const canary = "canary-4711-password";
let server: TestServer;
let tmpDir: string;
let toolDir: string;
let logged: string[] = [];
let count = 0;

beforeAll(async () => {
  server = await startTestServer({ settings: ["deadlock_timeout=1s"] });
  await server.run("postgres", `CREATE ROLE backup LOGIN SUPERUSER PASSWORD '${canary}'`);
  await createTestDatabase(
    server,
    "shop",
    "CREATE TABLE orders (id int PRIMARY KEY, note text)",
    "INSERT INTO orders SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 20000) AS i",
    "CREATE TABLE customers AS SELECT i AS id FROM generate_series(1, 100) AS i",
  );
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  tmpDir = await mkdtemp(join(tmpdir(), "bk-fault-"));
  toolDir = await mkdtemp(join(tmpdir(), "bk-tools-"));
  logged = [];
});
afterEach(async () => {
  expect(await readdir(tmpDir)).toEqual([]);
  expect(logged.join("\n")).not.toContain(canary);
  const databases = await server.listDatabases();
  expect(databases.filter((name) => /_(restore|old|drill)_/.test(name))).toEqual([]);
  await rm(tmpDir, { recursive: true });
  await rm(toolDir, { recursive: true });
});

function source(
  more: { options?: Partial<PostgresOptions>; pgBinDir?: string; database?: string; user?: string } = {},
): Source {
  const login = loginAs(server, more.user ?? "backup", canary, more.database ?? "shop");
  const config = { ...login, options: { ...PostgresOptions.parse({}), ...more.options } };
  const tools = more.pgBinDir === undefined ? {} : { pgBinDir: more.pgBinDir };
  return open(config, { tmpDir, tools, log: (_, message) => void logged.push(message) });
}

/** A directory of tools in which `name` is a shell script; `$REAL` is the real program's directory. */
async function fakeTools(name: string, script: string): Promise<string> {
  for (const real of await readdir(server.binDir)) {
    if (real !== name) await symlink(join(server.binDir, real), join(toolDir, real));
  }
  const version = `if [ "$1" = --version ]; then exec ${join(server.binDir, name)} --version; fi`;
  await writeFile(join(toolDir, name), `#!/bin/sh\n${version}\nREAL=${server.binDir}\n${script}\n`);
  await chmod(join(toolDir, name), 0o755);
  return toolDir;
}

async function restoreInto(
  place: string,
  bytes: Uint8Array,
  format = "dump",
  mode: RestoreMode = "create",
  from = source(),
) {
  await using target = await from.openTarget({ database: place, mode, stopConnections: false, signal: never });
  const report = await target.restore({ format, facts: {}, stream: streamOf(bytes) }, plainRestore, never);
  await target.commit();
  return report;
}

for (const keptBytes of [0, 1, 4, 5, 100, 5_000, 100_000]) {
  test(`pg_dump that fails after ${keptBytes} bytes fails the dump`, async () => {
    const pgBinDir = await fakeTools(
      "pg_dump",
      `$REAL/pg_dump "$@" | head -c ${keptBytes}; echo 'pg_dump: error: broken' >&2; exit 1`,
    );
    const error = await expectCode(takeDump(source({ pgBinDir })), "source_failed");
    expect(error.message).toContain("exit code 1: error: broken");
  });
  test(`pg_dump that is killed after ${keptBytes} bytes with a clean end of stream fails the dump`, async () => {
    const pgBinDir = await fakeTools("pg_dump", `$REAL/pg_dump "$@" | head -c ${keptBytes}; kill -9 $$`);
    const error = await expectCode(takeDump(source({ pgBinDir })), "source_failed");
    expect(error.message).toContain("SIGKILL");
  });
}

for (const keptBytes of [5, 100, 5_000, 100_000, 1_000_000]) {
  test(`pg_dump that succeeds with only ${keptBytes} bytes of its archive fails the dump`, async () => {
    const pgBinDir = await fakeTools("pg_dump", `$REAL/pg_dump "$@" | head -c ${keptBytes}`);
    const error = await expectCode(takeDump(source({ pgBinDir })), "source_failed");
    expect(error.message).toContain("not a complete archive");
  });
}

test("a dump with bytes behind its end does not pass the check", async () => {
  const { parts } = await takeDump(source());
  const stream = streamOf(Buffer.concat([parts[0]!.bytes, Buffer.from("x")]));
  await expectCode(source().verifyStructure({ format: "dump", facts: {}, stream }, never), "backup_corrupt");
});

test("pg_dump that succeeds without a byte, or with something else than an archive, fails the dump", async () => {
  await expectCode(takeDump(source({ pgBinDir: await fakeTools("pg_dump", "exit 0") })), "source_failed");
  await rm(join(toolDir, "pg_dump"));
  await writeFile(
    join(toolDir, "pg_dump"),
    `#!/bin/sh\n[ "$1" = --version ] && exec ${server.binDir}/pg_dump --version; echo "-- SQL text"`,
  );
  await chmod(join(toolDir, "pg_dump"), 0o755);
  await expectCode(takeDump(source({ pgBinDir: toolDir })), "source_failed");
});

test("a parallel pg_dump that succeeds without writing anything fails the dump", async () => {
  const pgBinDir = await fakeTools("pg_dump", "exit 0");
  await expectCode(takeDump(source({ pgBinDir, options: { parallel: 2 } })), "source_failed");
});

test("a parallel pg_dump that fails in the middle fails the dump and leaves no directory", async () => {
  const pgBinDir = await fakeTools("pg_dump", `$REAL/pg_dump "$@"; exit 1`);
  await expectCode(takeDump(source({ pgBinDir, options: { parallel: 2 } })), "source_failed");
});

test("a flood on stderr neither blocks nor fills the log", async () => {
  const flood = `i=0; while [ $i -lt 30000 ]; do echo "pg_dump: warning: number $i is a long line of noise"; i=$((i+1)); done >&2`;
  const taken = await takeDump(source({ pgBinDir: await fakeTools("pg_dump", `${flood}; exec $REAL/pg_dump "$@"`) }));
  expect(taken.summary.warnings.length).toBeLessThan(200);
  expect(taken.summary.warnings.at(-1)).toContain("more warnings were left out");
  expect(logged.length).toBeLessThan(2_000);
}, 30_000);

test("a pg_dump that hangs ends within seconds of the abort", async () => {
  const pgBinDir = await fakeTools("pg_dump", "sleep 300 & sleep 300");
  const controller = new AbortController();
  const reason = new AppError("stalled", "no byte moved");
  setTimeout(() => controller.abort(reason), 300);
  const started = performance.now();
  const dumping = (async () => {
    await using dump = await source({ pgBinDir }).dump({ rowCounts: "exact", signal: controller.signal });
    for await (const part of dump.parts()) await collect(part.stream);
  })();
  await expect(dumping).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a client older than the server is refused before anything starts, with both versions", async () => {
  await mkdir(join(toolDir, "empty"));
  for (const name of ["pg_dump", "initdb"]) {
    await writeFile(join(toolDir, name), `#!/bin/sh\necho "${name} (PostgreSQL) 9.6.24"`);
    await chmod(join(toolDir, name), 0o755);
  }
  const { chooseInstallation, listInstallations } = await import("../../src/adapters/source/postgres/client-tools.ts");
  const found = (await listInstallations("pg_dump", { pgBinDir: toolDir }, never)).slice(0, 1);
  expect(found[0]?.version).toBe("9.6.24");
  const needed = { version: server.version, by: "PostgreSQL server" };
  let error: unknown;
  try {
    chooseInstallation("pg_dump", found, needed);
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code: "tool_missing" });
  expect((error as AppError).message).toContain("9.6.24");
  expect((error as AppError).message).toContain(server.version);
  expect((await source({ pgBinDir: toolDir }).probe(never)).toolVersion).not.toBe("9.6.24");
});

test("a database that does not exist is named with those that do", async () => {
  const error = await expectCode(source({ database: "shopp" }).probe(never), "source_failed");
  expect(error.hint).toContain('"shop"');
});

test("a table that somebody keeps locked is an error after the lock time-out, and can be retried", async () => {
  const pgBinDir = await fakeTools(
    "pg_dump",
    `
    for arg; do shift; case $arg in --lock-wait-timeout=*) arg=--lock-wait-timeout=500;; esac; set -- "$@" "$arg"; done
    exec $REAL/pg_dump "$@"`,
  );
  const { connect } = await import("../../src/adapters/source/postgres/connection.ts");
  await using locker = await connect(server.admin, { database: "shop", signal: never });
  await locker.query("BEGIN");
  await locker.query("LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE");
  const error = await expectCode(takeDump(source({ pgBinDir })), "source_failed");
  expect(error.retryable).toBe(true);
  expect(error.hint).toContain("pg_locks");
});

test("a table that is dropped between the snapshot and its lock fails the dump by name", async () => {
  await server.run("shop", "CREATE TABLE doomed AS SELECT 1 AS a");
  const drop = `$REAL/psql -X -q -h ${server.admin.host} -p ${server.port} -U postgres -d shop -c 'DROP TABLE doomed'`;
  const pgBinDir = await fakeTools("pg_dump", `env -u PGPASSFILE PGSSLMODE=disable ${drop} && exec $REAL/pg_dump "$@"`);
  const error = await expectCode(takeDump(source({ pgBinDir })), "source_failed");
  expect(error.message).toContain("doomed");
});

test("rows that change during the dump are not in the counts", async () => {
  await createTestDatabase(
    server,
    "moving",
    "CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) AS i",
    "CREATE TABLE u (a int)",
  );
  const sql = `INSERT INTO t SELECT generate_series(1, 500); INSERT INTO u VALUES (1); CREATE TABLE later (a int)`;
  const change = `$REAL/psql -X -q -h ${server.admin.host} -p ${server.port} -U postgres -d moving -c '${sql}'`;
  const pgBinDir = await fakeTools(
    "pg_dump",
    `env -u PGPASSFILE PGSSLMODE=disable ${change} && exec $REAL/pg_dump "$@"`,
  );
  const taken = await takeDump(source({ pgBinDir, database: "moving" }));
  expect(taken.summary.rowCounts).toEqual({
    method: "snapshot",
    tables: [
      { schema: "public", table: "t", rows: 1000 },
      { schema: "public", table: "u", rows: 0 },
    ],
  });
  await using drill = await source({ database: "moving" }).openDrill({ on: "project", signal: never });
  for (const part of restoreParts(taken)) await drill.restore(part, plainRestore, never);
  expect(await drill.countRows(never)).toEqual(taken.summary.rowCounts!.tables);
});

test("the password is in no argument and no environment of any child, and its file is private", async () => {
  const spy = `cat /proc/$$/environ /proc/$$/cmdline | tr '\\0' '\\n' > ${toolDir}/seen; stat -c '%a' "$PGPASSFILE" >> ${toolDir}/seen
    stat -c '%a' "$(dirname "$PGPASSFILE")" >> ${toolDir}/seen; exec $REAL/pg_dump "$@"`;
  const pgBinDir = await fakeTools("pg_dump", spy);
  const found: string[] = [];
  await using dump = await source({ pgBinDir, options: { globals: true } }).dump({ rowCounts: "exact", signal: never });
  for await (const part of dump.parts()) {
    for await (const _ of part.stream) {
      for (const pid of await readdir("/proc")) {
        if (!/^\d+$/.test(pid)) continue;
        for (const file of ["cmdline", "environ"]) {
          const text = await readFile(`/proc/${pid}/${file}`, "latin1").catch(() => "");
          if (text.includes(canary)) found.push(`${pid} ${file}`);
        }
      }
    }
  }
  expect(found).toEqual([]);
  const seen = await readFile(join(toolDir, "seen"), "utf8");
  expect(seen).not.toContain(canary);
  expect(seen.trim().split("\n").slice(-2)).toEqual(["600", "700"]);
}, 30_000);

test("without a superuser the roles come without passwords, and it is said", async () => {
  await server.run("postgres", `CREATE ROLE plain LOGIN PASSWORD '${canary}'`);
  await server.run("shop", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain");
  const taken = await takeDump(source({ user: "plain", options: { globals: true } }));
  const globals = taken.parts.find((part) => part.format === "globals.sql")!;
  expect(Buffer.from(globals.bytes).toString()).toContain("CREATE ROLE backup");
  expect(Buffer.from(globals.bytes).toString()).not.toContain("SCRAM-SHA-256");
  expect(taken.summary.warnings.join("\n")).toContain("without their passwords");
});

test("roles are restored where they are missing, and go again when the restore is not committed", async () => {
  await server.run(
    "postgres",
    `CREATE ROLE "gone; role" LOGIN PASSWORD 'x;y'`,
    `COMMENT ON ROLE "gone; role" IS E'two\\nlines; here'`,
  );
  await server.run("postgres", `GRANT "gone; role" TO backup`);
  const taken = await takeDump(source({ options: { globals: true } }));
  await server.run("postgres", `DROP ROLE "gone; role"`);
  const part = () => restoreParts(taken).find((candidate) => candidate.format === "globals.sql")!;
  const exists = `SELECT rolcanlogin AS login, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = 'gone; role'`;
  const request = { database: `target_${++count}`, mode: "create", stopConnections: false, signal: never } as const;
  {
    await using target = await source().openTarget(request);
    const { warnings } = await target.restore(part(), plainRestore, never);
    expect(warnings.join("\n")).toContain("left as they are: backup");
    expect(await server.run("postgres", exists)).toEqual([{ login: true, comment: "two\nlines; here" }]);
  }
  expect(await server.run("postgres", exists)).toEqual([]);
});

test("a role that cannot create databases restores into an empty one of its own, all or nothing", async () => {
  await server.run(
    "postgres",
    `CREATE ROLE tenant LOGIN PASSWORD '${canary}'`,
    "CREATE DATABASE tenant_db OWNER tenant TEMPLATE template0",
  );
  const { parts } = await takeDump(source());
  const from = source({ user: "tenant", database: "tenant_db" });
  await using target = await from.openTarget({
    database: "tenant_db",
    mode: "create",
    stopConnections: false,
    signal: never,
  });
  expect(target.swaps).toBe(false);
  const options = { ...plainRestore, noOwner: true, noPrivileges: true };
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
  expect(await server.run("tenant_db", "SELECT count(*)::int AS n FROM orders")).toEqual([{ n: 20000 }]);
});

test("a missing owner is named before anything is written, and --no-owner helps", async () => {
  await server.run("postgres", "CREATE ROLE leaver");
  await createTestDatabase(server, "owned", "CREATE TABLE t (a int)", "ALTER TABLE t OWNER TO leaver");
  const { parts } = await takeDump(source({ database: "owned" }));
  await server.run("postgres", "DROP DATABASE owned", "DROP ROLE leaver");
  const place = `target_${++count}`;
  const error = await expectCode(restoreInto(place, parts[0]!.bytes), "restore_failed");
  expect(error.message).toContain("leaver");
  expect(error.hint).toContain("--no-owner");
  await using target = await source().openTarget({
    database: place,
    mode: "create",
    stopConnections: false,
    signal: never,
  });
  await target.restore(
    { format: "dump", facts: {}, stream: streamOf(parts[0]!.bytes) },
    { ...plainRestore, noOwner: true },
    never,
  );
});

test("an extension that the target server lacks is named before anything is written", async () => {
  const { checkExtensions } = await import("../../src/adapters/source/postgres/restore-archive.ts");
  const { connect } = await import("../../src/adapters/source/postgres/connection.ts");
  await using connection = await connect(server.admin, { database: "postgres", signal: never });
  const entry = {
    dumpId: 1,
    kind: "EXTENSION",
    name: "no_such_extension",
    schema: null,
    owner: null,
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
  const { parts } = await takeDump(source());
  await createTestDatabase(server, "original", "CREATE TABLE mine AS SELECT 7 AS a");
  const pgBinDir = await fakeTools("pg_restore", `head -c 200000 | $REAL/pg_restore "$@"; kill -9 $$`);
  for (const mode of ["drop", "clean", "append"] as const) {
    await expectCode(restoreInto("original", parts[0]!.bytes, "dump", mode, source({ pgBinDir })), "restore_failed");
    expect(await server.run("original", "SELECT a, to_regclass('orders') AS other FROM mine")).toEqual([
      { a: 7, other: null },
    ]);
  }
});

test("mode drop refuses while others are connected, names them, and stops them when asked", async () => {
  const { parts } = await takeDump(source());
  await createTestDatabase(server, "busy", "CREATE TABLE mine AS SELECT 7 AS a");
  const { connect } = await import("../../src/adapters/source/postgres/connection.ts");
  const other = await connect(server.admin, { database: "busy", signal: never });
  const [me] = await other.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const error = await expectCode(restoreInto("busy", parts[0]!.bytes, "dump", "drop"), "restore_failed");
  expect(error.message).toContain(String(me!.pid));
  expect(error.hint).toContain("--stop-connections");
  await using target = await source().openTarget({
    database: "busy",
    mode: "drop",
    stopConnections: true,
    signal: never,
  });
  await target.restore({ format: "dump", facts: {}, stream: streamOf(parts[0]!.bytes) }, plainRestore, never);
  await target.commit();
  expect(await server.run("busy", "SELECT count(*)::int AS n FROM orders")).toEqual([{ n: 20000 }]);
  await other[Symbol.asyncDispose]();
});

test("leftovers of a dead process are dropped, those of a live one and look-alikes are not", async () => {
  const { createScratchDatabase, newScratchId } =
    await import("../../src/adapters/source/postgres/scratch-database.ts");
  const live = await createScratchDatabase(server.admin, `backupctl_drill_${newScratchId()}`, {}, never);
  const dead = `backupctl_drill_${newScratchId()}`;
  const lookAlike = "mine_restore_0123456789ab";
  await createTestDatabase(server, dead);
  await createTestDatabase(server, lookAlike);
  await server.run(
    "postgres",
    `COMMENT ON DATABASE ${dead} IS 'temporary database of backupctl, removed when its process has ended'`,
  );
  await using drill = await source().openDrill({ on: "project", signal: never });
  expect(drill.swaps).toBe(true);
  const databases = await server.listDatabases();
  expect(databases).not.toContain(dead);
  expect(databases).toContain(live.name);
  expect(databases).toContain(lookAlike);
  await live[Symbol.asyncDispose]();
  await server.run("postgres", `DROP DATABASE ${lookAlike}`);
});

test("a restore that is aborted ends at once and leaves nothing", async () => {
  const { parts } = await takeDump(source());
  const controller = new AbortController();
  const reason = new AppError("cancelled", "run was cancelled");
  async function* slow() {
    yield parts[0]!.bytes.subarray(0, 300_000);
    setTimeout(() => controller.abort(reason), 200);
    await Bun.sleep(20_000);
  }
  const place = `target_${++count}`;
  const started = performance.now();
  const restoring = (async () => {
    await using target = await source().openTarget({
      database: place,
      mode: "create",
      stopConnections: false,
      signal: controller.signal,
    });
    await target.restore({ format: "dump", facts: {}, stream: slow() }, plainRestore, controller.signal);
  })();
  await expect(restoring).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(8_000);
  expect(await server.listDatabases()).not.toContain(place);
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
    const file = join(toolDir, "written");
    const place = `target_${++count}`;
    await expectCode(restoreInto(place, Buffer.from(sql.replaceAll("FILE", file)), "sql"), "restore_failed");
    expect(await readdir(toolDir)).toEqual([]);
    expect(await server.listDatabases()).not.toContain(place);
  });
}

test("plain SQL that fails in the middle leaves nothing", async () => {
  const place = `target_${++count}`;
  const sql = "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nSELECT 1/0;\n";
  const error = await expectCode(restoreInto(place, Buffer.from(sql), "sql"), "restore_failed");
  expect(error.message).toContain("division by zero");
  expect(await server.listDatabases()).not.toContain(place);
});

test("plain SQL whose text holds backslash lines inside strings and data is restored", async () => {
  const place = `target_${++count}`;
  const sql =
    "CREATE TABLE t (a text);\nINSERT INTO t VALUES ('x\n\\! y\n\\unrestrict z');\nCOPY t FROM stdin;\n\\\\! data\n\\.\n";
  await restoreInto(place, Buffer.from(sql), "sql");
  expect(await server.run(place, "SELECT a FROM t ORDER BY length(a)")).toEqual([
    { a: "\\! data" },
    { a: "x\n\\! y\n\\unrestrict z" },
  ]);
});

test("a directory dump with a foreign path in its tar is refused", async () => {
  const { pack } = await import("tar-stream");
  const tar = pack();
  tar.entry({ name: "../outside" }, "x");
  tar.finalize();
  const error = await expectCode(
    source().verifyStructure({ format: "dir.tar", facts: {}, stream: tar as AsyncIterable<Uint8Array> }, never),
    "backup_corrupt",
  );
  expect(error.message).toContain("../outside");
});

test("too little room for a parallel dump is said before it starts", async () => {
  const { openTmpSpace } = await import("../../src/adapters/source/postgres/tmp-space.ts");
  const error = await expectCode(openTmpSpace(tmpDir, 1e18, "a parallel dump"), "disk_full");
  expect(error.message).toContain("1000000.0 TB");
});
