// What goes wrong with a PostgreSQL dump, provoked: every fault is a named error that leaves nothing behind.

import { expect } from "bun:test";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chooseInstallation, listInstallations } from "../../src/adapters/source/postgres/client-tools.ts";
import { connect } from "../../src/adapters/source/postgres/connection.ts";
import { AppError } from "../../src/domain/error.ts";
import { collect, expectCode, restoreParts, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { canary, usePostgresBed } from "../support/postgres-bed.ts";
import { createTestDatabase } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { fullRestore } from "../../src/ports/source.ts";

const test = needs("pg_dump", "psql");
const never = new AbortController().signal;
const bed = usePostgresBed();

for (const keptBytes of [0, 1, 4, 5, 100, 5_000, 100_000]) {
  test(`pg_dump that fails after ${keptBytes} bytes fails the dump`, async () => {
    const pgBinDir = await bed.fakeTools(
      "pg_dump",
      `$REAL/pg_dump "$@" | head -c ${keptBytes}; echo 'pg_dump: error: broken' >&2; exit 1`,
    );
    const error = await expectCode(takeDump(bed.source({ pgBinDir })), "source_failed");
    expect(error.message).toContain("exit code 1: error: broken");
  });
  test(`pg_dump that is killed after ${keptBytes} bytes with a clean end of stream fails the dump`, async () => {
    const pgBinDir = await bed.fakeTools("pg_dump", `$REAL/pg_dump "$@" | head -c ${keptBytes}; kill -9 $$`);
    const error = await expectCode(takeDump(bed.source({ pgBinDir })), "source_failed");
    expect(error.message).toContain("SIGKILL");
  });
}

for (const keptBytes of [5, 100, 5_000, 100_000, 1_000_000]) {
  test(`pg_dump that succeeds with only ${keptBytes} bytes of its archive fails the dump`, async () => {
    const pgBinDir = await bed.fakeTools("pg_dump", `$REAL/pg_dump "$@" | head -c ${keptBytes}`);
    const error = await expectCode(takeDump(bed.source({ pgBinDir })), "source_failed");
    expect(error.message).toContain("not a complete archive");
  });
}

test("a dump with bytes behind its end does not pass the check", async () => {
  const { parts } = await takeDump(bed.source());
  const stream = streamOf(Buffer.concat([parts[0]!.bytes, Buffer.from("x")]));
  await expectCode(bed.source().verifyStructure({ format: "dump", facts: {}, stream }, never), "backup_corrupt");
});

test("pg_dump that succeeds without a byte, or with something else than an archive, fails the dump", async () => {
  await expectCode(takeDump(bed.source({ pgBinDir: await bed.fakeTools("pg_dump", "exit 0") })), "source_failed");
  await rm(join(bed.toolDir, "pg_dump"));
  await writeFile(
    join(bed.toolDir, "pg_dump"),
    `#!/bin/sh\n[ "$1" = --version ] && exec ${bed.server.binDir}/pg_dump --version; echo "-- SQL text"`,
  );
  await chmod(join(bed.toolDir, "pg_dump"), 0o755);
  await expectCode(takeDump(bed.source({ pgBinDir: bed.toolDir })), "source_failed");
});

test("a parallel pg_dump that succeeds without writing anything fails the dump", async () => {
  const pgBinDir = await bed.fakeTools("pg_dump", "exit 0");
  await expectCode(takeDump(bed.source({ pgBinDir, options: { parallel: 2 } })), "source_failed");
});

test("a parallel pg_dump that fails in the middle fails the dump and leaves no directory", async () => {
  const pgBinDir = await bed.fakeTools("pg_dump", `$REAL/pg_dump "$@"; exit 1`);
  await expectCode(takeDump(bed.source({ pgBinDir, options: { parallel: 2 } })), "source_failed");
});

test("a flood on stderr neither blocks nor fills the log", async () => {
  const flood = `i=0; while [ $i -lt 30000 ]; do echo "pg_dump: warning: number $i is a long line of noise"; i=$((i+1)); done >&2`;
  const taken = await takeDump(
    bed.source({ pgBinDir: await bed.fakeTools("pg_dump", `${flood}; exec $REAL/pg_dump "$@"`) }),
  );
  expect(taken.summary.warnings.length).toBeLessThan(200);
  expect(taken.summary.warnings.at(-1)).toContain("more warnings were left out");
  expect(bed.logged.length).toBeLessThan(2_000);
}, 30_000);

test("a pg_dump that hangs ends within seconds of the abort", async () => {
  const pgBinDir = await bed.fakeTools("pg_dump", "sleep 300 & sleep 300");
  const controller = new AbortController();
  const reason = new AppError("stalled", "no byte moved");
  setTimeout(() => controller.abort(reason), 300);
  const started = performance.now();
  const dumping = (async () => {
    await using dump = await bed.source({ pgBinDir }).dump({ rowCounts: "exact", signal: controller.signal });
    for await (const part of dump.parts()) await collect(part.stream);
  })();
  await expect(dumping).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a client older than the server is refused before anything starts, with both versions", async () => {
  for (const name of ["pg_dump", "initdb"]) {
    await writeFile(join(bed.toolDir, name), `#!/bin/sh\necho "${name} (PostgreSQL) 9.6.24"`);
    await chmod(join(bed.toolDir, name), 0o755);
  }
  const found = (await listInstallations("pg_dump", { pgBinDir: bed.toolDir }, never)).slice(0, 1);
  expect(found[0]?.version).toBe("9.6.24");
  const needed = { version: bed.server.version, by: "PostgreSQL server" };
  let error: unknown;
  try {
    chooseInstallation("pg_dump", found, needed);
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code: "tool_missing" });
  expect((error as AppError).message).toContain("9.6.24");
  expect((error as AppError).message).toContain(bed.server.version);
  expect((await bed.source({ pgBinDir: bed.toolDir }).probe(never)).toolVersion).not.toBe("9.6.24");
});

test("a database that does not exist is named with those that do", async () => {
  const error = await expectCode(bed.source({ database: "shopp" }).probe(never), "source_failed");
  expect(error.hint).toContain('"shop"');
});

test("a table that somebody keeps locked is an error after the lock time-out, and can be retried", async () => {
  const pgBinDir = await bed.fakeTools(
    "pg_dump",
    `
    for arg; do shift; case $arg in --lock-wait-timeout=*) arg=--lock-wait-timeout=500;; esac; set -- "$@" "$arg"; done
    exec $REAL/pg_dump "$@"`,
  );
  await using locker = await connect(bed.server.admin, { database: "shop", signal: never });
  await locker.query("BEGIN");
  await locker.query("LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE");
  const error = await expectCode(takeDump(bed.source({ pgBinDir })), "source_failed");
  expect(error.retryable).toBe(true);
  expect(error.hint).toContain("pg_locks");
});

test("a table that is dropped between the snapshot and its lock fails the dump by name", async () => {
  await bed.server.run("shop", "CREATE TABLE doomed AS SELECT 1 AS a");
  const drop = `$REAL/psql -X -q -h ${bed.server.admin.host} -p ${bed.server.port} -U postgres -d shop -c 'DROP TABLE doomed'`;
  const pgBinDir = await bed.fakeTools(
    "pg_dump",
    `env -u PGPASSFILE PGSSLMODE=disable ${drop} && exec $REAL/pg_dump "$@"`,
  );
  const error = await expectCode(takeDump(bed.source({ pgBinDir })), "source_failed");
  expect(error.message).toContain("doomed");
});

test("rows that change during the dump are not in the counts", async () => {
  await createTestDatabase(
    bed.server,
    "moving",
    "CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) AS i",
    "CREATE TABLE u (a int)",
  );
  const sql = `INSERT INTO t SELECT generate_series(1, 500); INSERT INTO u VALUES (1); CREATE TABLE later (a int)`;
  const change = `$REAL/psql -X -q -h ${bed.server.admin.host} -p ${bed.server.port} -U postgres -d moving -c '${sql}'`;
  const pgBinDir = await bed.fakeTools(
    "pg_dump",
    `env -u PGPASSFILE PGSSLMODE=disable ${change} && exec $REAL/pg_dump "$@"`,
  );
  const taken = await takeDump(bed.source({ pgBinDir, database: "moving" }));
  expect(taken.summary.rowCounts).toEqual({
    method: "snapshot",
    tables: [
      { schema: "public", table: "t", rows: 1000 },
      { schema: "public", table: "u", rows: 0 },
    ],
  });
  await using drill = await bed.source({ database: "moving" }).openDrill({ on: "project", signal: never });
  for (const part of restoreParts(taken)) await drill.restore(part, fullRestore, never);
  expect(await drill.countRows(never)).toEqual(taken.summary.rowCounts!.tables);
});

test("the password is in no argument and no environment of any child, and its file is private", async () => {
  const spy = `cat /proc/$$/environ /proc/$$/cmdline | tr '\\0' '\\n' > ${bed.toolDir}/seen; stat -c '%a' "$PGPASSFILE" >> ${bed.toolDir}/seen
    stat -c '%a' "$(dirname "$PGPASSFILE")" >> ${bed.toolDir}/seen; exec $REAL/pg_dump "$@"`;
  const pgBinDir = await bed.fakeTools("pg_dump", spy);
  const found: string[] = [];
  await using dump = await bed
    .source({ pgBinDir, options: { globals: true } })
    .dump({ rowCounts: "exact", signal: never });
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
  const seen = await readFile(join(bed.toolDir, "seen"), "utf8");
  expect(seen).not.toContain(canary);
  expect(seen.trim().split("\n").slice(-2)).toEqual(["600", "700"]);
}, 30_000);

test("without a superuser the roles come without passwords, and it is said", async () => {
  await bed.server.run("postgres", `CREATE ROLE plain LOGIN PASSWORD '${canary}'`);
  await bed.server.run("shop", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain");
  const taken = await takeDump(bed.source({ user: "plain", options: { globals: true } }));
  const globals = taken.parts.find((part) => part.format === "globals.sql")!;
  expect(Buffer.from(globals.bytes).toString()).toContain("CREATE ROLE backup");
  expect(Buffer.from(globals.bytes).toString()).not.toContain("SCRAM-SHA-256");
  expect(taken.summary.warnings.join("\n")).toContain("without their passwords");
});
