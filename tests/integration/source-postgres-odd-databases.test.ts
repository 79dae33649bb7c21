// Databases whose own make gets in the way of a restore: enum hash partitions, subscriptions, templates, limits.

import { expect } from "bun:test";
import { compareRowCounts } from "../../src/domain/backup/compare-row-counts.ts";
import { restoreParts, takeDump, type TakenDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreTarget, type Source } from "../../src/ports/source.ts";
import { usePostgresBed } from "../support/postgres-bed.ts";
import { createTestDatabase } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const test = needs("pg_dump", "psql");
const never = new AbortController().signal;
const bed = usePostgresBed();

async function fill(target: RestoreTarget, taken: TakenDump): Promise<readonly string[]> {
  for (const part of restoreParts(taken)) await target.restore(part, fullRestore, never);
  return compareRowCounts(taken.summary.rowCounts!.tables, await target.countRows(never));
}

async function drill(source: Source, taken: TakenDump): Promise<readonly string[]> {
  await using target = await source.openDrill({ on: "project", signal: never });
  return await fill(target, taken);
}

async function replace(database: string, taken: TakenDump, stopConnections = false): Promise<void> {
  const request = { database, mode: "drop", stopConnections, signal: never } as const;
  await using target = await bed.source({ database }).openTarget(request);
  expect(await fill(target, taken)).toEqual([]);
  await target.commit();
}

test("rows that a restore spreads differently over hash partitions are all counted", async () => {
  const database = bed.newName();
  await createTestDatabase(
    bed.server,
    database,
    "CREATE TYPE colour AS ENUM ('red', 'green', 'blue', 'mauve')",
    "CREATE TABLE hashed (c colour, n int) PARTITION BY HASH (c)",
    "CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 0)",
    "CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 1) PARTITION BY LIST (n)",
    "CREATE TABLE hashed_1_none PARTITION OF hashed_1 FOR VALUES IN (NULL)",
    "CREATE TABLE hashed_1_rest PARTITION OF hashed_1 DEFAULT",
    "CREATE TABLE hashed_2 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 2)",
    "INSERT INTO hashed SELECT (enum_range(NULL::colour))[1 + i % 4], nullif(i % 5, 0) FROM generate_series(1, 500) AS i",
  );
  const source = bed.source({ database });
  const taken = await takeDump(source);
  // Where an enum's values go depends on the numbers that they get when the type is made: try a few.
  for (let time = 0; time < 4; time++) expect(await drill(source, taken)).toEqual([]);
  await replace(database, taken);
  expect(await bed.server.run(database, "SELECT count(*)::int AS n FROM hashed")).toEqual([{ n: 500 }]);
  const lost = taken.summary.rowCounts!.tables.map((entry) =>
    entry.table === "hashed_0" ? { ...entry, rows: entry.rows + 1 } : entry,
  );
  const differences = await drill(source, {
    ...taken,
    summary: { ...taken.summary, rowCounts: { method: "snapshot", tables: lost } },
  });
  expect(differences).toEqual(["public.hashed has 500 rows instead of 501"]);
}, 60_000);

test("a database with subscriptions is drilled and replaced, and the publisher's slots are left alone", async () => {
  const database = bed.newName();
  const slot = `slot_of_${database}`;
  const nowhere = "'host=127.0.0.1 port=1 dbname=none'";
  await createTestDatabase(
    bed.server,
    database,
    "CREATE TABLE t AS SELECT 1 AS a",
    `CREATE SUBSCRIPTION "Sub 'q'" CONNECTION ${nowhere} PUBLICATION p WITH (connect = false, slot_name = '${slot}')`,
    `CREATE SUBSCRIPTION plain CONNECTION ${nowhere} PUBLICATION p WITH (connect = false, slot_name = NONE)`,
    `ALTER SUBSCRIPTION "Sub 'q'" ENABLE`,
  );
  const source = bed.source({ database });
  const taken = await takeDump(source);
  expect(await drill(source, taken)).toEqual([]);
  await replace(database, taken, true);
  const names = `SELECT subname AS name, subslotname AS slot, subenabled AS enabled FROM pg_subscription
    JOIN pg_database AS d ON d.oid = subdbid WHERE datname = '${database}' ORDER BY 1`;
  expect(await bed.server.run("postgres", names)).toEqual([
    { name: "Sub 'q'", slot, enabled: false },
    { name: "plain", slot: null, enabled: false },
  ]);
  expect(bed.logged.join("\n")).toContain(`ALTER SUBSCRIPTION "Sub 'q'" ENABLE`);
  await bed.server.run(
    database,
    `ALTER SUBSCRIPTION "Sub 'q'" SET (slot_name = NONE)`,
    `DROP SUBSCRIPTION "Sub 'q'"`,
    "DROP SUBSCRIPTION plain",
  );
}, 60_000);

test("a database that is read-only by default, a template with a limit, is replaced and restored in place", async () => {
  const database = bed.newName();
  await createTestDatabase(bed.server, database, "CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)");
  const source = bed.source({ database });
  const taken = await takeDump(source);
  await bed.server.run(
    "postgres",
    `ALTER DATABASE ${database} SET default_transaction_read_only = on`,
    `ALTER DATABASE ${database} IS_TEMPLATE true CONNECTION LIMIT 5`,
    "ALTER ROLE backup SET default_transaction_read_only = on",
  );
  try {
    expect(await drill(source, await takeDump(source))).toEqual([]);
    await replace(database, taken);
    await using clean = await source.openTarget({ database, mode: "clean", stopConnections: false, signal: never });
    expect(await fill(clean, taken)).toEqual([]);
    await clean.commit();
    await using append = await source.openTarget({ database, mode: "append", stopConnections: false, signal: never });
    await bed.server.run(database, "SET default_transaction_read_only = off", "TRUNCATE t");
    for (const part of restoreParts(taken)) await append.restore(part, { ...fullRestore, dataOnly: true }, never);
    expect(await bed.server.run(database, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 2 }]);
  } finally {
    await bed.server.run("postgres", "ALTER ROLE backup RESET default_transaction_read_only");
  }
  expect((await bed.server.listDatabases()).filter((name) => name.startsWith(`${database}_`))).toEqual([]);
}, 60_000);

test("rows restored alone leave every trigger as it was: off, always or for replicas", async () => {
  const database = bed.newName();
  await createTestDatabase(
    bed.server,
    database,
    `CREATE TABLE "t x" (a int) PARTITION BY LIST (a)`,
    `CREATE TABLE p1 PARTITION OF "t x" FOR VALUES IN (1)`,
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'",
    ...["off", "always", "replica", "on"].map(
      (name) => `CREATE TRIGGER "${name}'s" BEFORE INSERT ON "t x" FOR EACH ROW EXECUTE FUNCTION no()`,
    ),
    "INSERT INTO p1 SELECT 1 WHERE false",
    "ALTER TABLE p1 DISABLE TRIGGER ALL",
    "INSERT INTO p1 VALUES (1)",
    `ALTER TABLE p1 ENABLE TRIGGER "on's"`,
    `ALTER TABLE p1 ENABLE ALWAYS TRIGGER "always's"`,
    `ALTER TABLE p1 ENABLE REPLICA TRIGGER "replica's"`,
    `ALTER TABLE ONLY "t x" ENABLE ALWAYS TRIGGER "always's"`,
  );
  const source = bed.source({ database });
  const taken = await takeDump(source);
  const states = "SELECT tgrelid::regclass::text AS t, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2";
  const before = await bed.server.run(database, states);
  await bed.server.run(database, `TRUNCATE "t x"`);
  await using target = await source.openTarget({ database, mode: "append", stopConnections: false, signal: never });
  for (const part of restoreParts(taken)) await target.restore(part, { ...fullRestore, dataOnly: true }, never);
  expect(await bed.server.run(database, states)).toEqual(before);
  expect(await bed.server.run(database, `SELECT a FROM "t x"`)).toEqual([{ a: 1 }]);
}, 60_000);
