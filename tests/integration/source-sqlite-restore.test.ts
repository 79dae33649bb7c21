// Restores of SQLite databases: parts of them, over old logs, over databases in use and over damaged ones.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { chmodSync, existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectCode, takeDump } from "../../src/ports/source.contract.ts";
import {
  describeSqlite,
  fillSqliteSample,
  makeSqliteBench,
  restoreSqlite,
  startNeighbour,
  stopNeighbour,
} from "../support/sqlite-sample.ts";

const never = new AbortController().signal;

test("only the asked tables are restored, with their rows, numbers, indexes and triggers", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place.db");
  const quoted = `quoted "name" and 'more' 😀`;
  await restoreSqlite(bench.source(), place, "create", taken, {
    tables: ["plain", `main.${quoted}`, "child", "rowless", "notes"],
  });
  using copy = new Database(place, { readonly: true });
  using live = new Database(bench.path, { readonly: true });
  for (const sql of [
    "select rowid, * from plain",
    `select * from "quoted ""name"" and 'more' 😀"`,
    "select * from child",
    "select * from rowless",
    "select rowid, * from notes where notes match 'hello'",
    "select * from sqlite_sequence",
    "select sql from sqlite_schema where name in ('child_p', 'plain_expression')",
    "pragma user_version",
    "pragma page_size",
  ])
    expect(copy.query(sql).values()).toEqual(live.query(sql).values());
  expect(copy.query("select count(*) from sqlite_schema where name in ('parent', 'joined', 'noted')").values()).toEqual(
    [[0]],
  );
  const missing = restoreSqlite(bench.source(), join(bench.root, "other.db"), "create", taken, { tables: ["absent"] });
  expect((await expectCode(missing, "restore_failed")).message).toContain("absent");
});

test("a restore of the schema alone has every object and no row", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place.db");
  await restoreSqlite(bench.source(), place, "create", taken, { schemaOnly: true });
  using copy = new Database(place, { readonly: true });
  using live = new Database(bench.path, { readonly: true });
  const objects = "select type, name, sql from sqlite_schema where name not like 'sqlite%' order by type, name";
  expect(copy.query(objects).values()).toEqual(live.query(objects).values());
  for (const table of ["plain", "parent", "child", "rowless", "strictly"])
    expect(copy.query(`select count(*) from ${table}`).values()).toEqual([[0]]);
  await expectCode(
    restoreSqlite(bench.source(), join(bench.root, "other.db"), "create", taken, { dataOnly: true }),
    "unsupported",
  );
});

test("a replaced database loses its old write-ahead log, which would else be replayed into the new one", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const before = describeSqlite(bench.path);
  // A crash left a log beside the main file.
  const crashed = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.run("pragma wal_autocheckpoint = 0; pragma synchronous = off");
    for (let i = 0; i < 500; i++) database.run("insert into plain (x) values ('later')");
    console.log("written");
    setInterval(() => database.filename, 1000);`);
  await stopNeighbour(crashed);
  expect(statSync(`${bench.path}-wal`).size).toBeGreaterThan(0);
  await restoreSqlite(bench.source(), bench.path, "drop", taken);
  expect(existsSync(`${bench.path}-wal`)).toBe(false);
  expect(describeSqlite(bench.path)).toBe(before);
});

test("a log without its database does not flow into a restored one", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const before = describeSqlite(bench.path);
  const crashed = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.run("pragma wal_autocheckpoint = 0; pragma synchronous = off");
    for (let i = 0; i < 500; i++) database.run("insert into plain (x) values ('later')");
    console.log("written");
    setInterval(() => database.filename, 1000);`);
  await stopNeighbour(crashed);
  rmSync(bench.path);
  await restoreSqlite(bench.source(), bench.path, "create", taken);
  expect(describeSqlite(bench.path)).toBe(before);
});

test("a database that another process has open in WAL mode is not replaced under it", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const user = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.query("select count(*) from plain").get();
    console.log("open");
    setInterval(() => database.filename, 1000);`);
  try {
    const error = await expectCode(restoreSqlite(bench.source(), bench.path, "drop", taken), "restore_failed");
    expect(error.hint).toContain("another process");
    expect(existsSync(bench.path)).toBe(true);
  } finally {
    await stopNeighbour(user);
  }
}, 30_000);

test("a damaged database can be replaced, and the new file takes over its mode", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "damaged.db");
  writeFileSync(place, crypto.getRandomValues(new Uint8Array(20_000)));
  chmodSync(place, 0o640);
  expect(await bench.source().inspectTarget(place, never)).toMatchObject({ exists: true, empty: false });
  await restoreSqlite(bench.source(), place, "drop", taken);
  expect(describeSqlite(place)).toBe(describeSqlite(bench.path));
  expect(statSync(place).mode & 0o777).toBe(0o640);
});
