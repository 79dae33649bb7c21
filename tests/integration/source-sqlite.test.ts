// The SQLite source against the contract, and against what happens to live databases.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/sqlite/index.ts";
import {
  collect,
  describeSourceContract,
  expectCode,
  plainRestore,
  restoreParts,
  streamOf,
  takeDump,
  type TakenDump,
} from "../../src/ports/source.contract.ts";
import type { RestoreMode, RestoreOptions, Source } from "../../src/ports/source.ts";

const never = new AbortController().signal;

interface Bench extends Disposable {
  readonly root: string;
  readonly path: string;
  readonly tmpDir: string;
  readonly logged: string[];
  source(path?: string): Source;
}

function makeBench(): Bench {
  const root = mkdtempSync(join(tmpdir(), "source-sqlite-"));
  const tmpDir = join(root, "tmp");
  mkdirSync(tmpDir, { mode: 0o700 });
  const logged: string[] = [];
  const path = join(root, 'it\'s a "live" database 😀.db');
  return {
    root,
    path,
    tmpDir,
    logged,
    source: (at = path) =>
      open({ path: at }, { tmpDir, tools: {}, log: (_level, message) => void logged.push(message) }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

function fillSample(path: string): void {
  using database = new Database(path, { create: true });
  database.run("pragma page_size = 8192");
  database.run("pragma journal_mode = wal");
  database.run(`
    create table plain (x text, y blob, z real);
    create table "quoted ""name"" and 'more' 😀" (id integer primary key autoincrement, "select" text not null default '');
    create table rowless (a text, b int, primary key (a, b)) without rowid;
    create table strictly (n int, t text) strict;
    create table parent (id integer primary key);
    create table child (p integer references parent (id), doubled generated always as (p * 2) stored, v as (p + 1));
    create index child_p on child (p) where p is not null;
    create index plain_expression on plain (lower(x));
    create view joined as select * from parent join child on child.p = parent.id;
    create trigger noted after insert on parent begin insert into plain (x) values ('trigger'); end;
    create virtual table notes using fts5 (body);
    create virtual table boxes using rtree (id, a, b);
    pragma user_version = 17;
    pragma application_id = 4711;
  `);
  const insert = database.prepare("insert into plain (rowid, x, y, z) values (?, ?, ?, ?)");
  for (let index = 1; index <= 500; index++)
    insert.run(index * 7, `row ${index} ü`, index % 5 === 0 ? null : Buffer.from([0, 255, index % 256]), index / 3);
  database.run("delete from plain where rowid % 2 = 0");
  database.run(`insert into "quoted ""name"" and 'more' 😀" ("select") values (''), ('x'), (char(0) || 'after zero')`);
  database.run(`delete from "quoted ""name"" and 'more' 😀" where id = 3`);
  database.run("insert into rowless values ('a', 1), ('a', 2)");
  database.run("insert into strictly values (9223372036854775807, 'max')");
  database.run("insert into parent values (1), (2)");
  database.run("insert into child (p) values (1), (2), (null)");
  database.run("insert into notes (rowid, body) values (77, 'hello world'), (99, 'other words')");
  database.run("insert into boxes values (1, 0.5, 1.5)");
}

/** Schema, settings and every row with its number. */
function describeDatabase(path: string): string {
  using database = new Database(path, { readonly: true });
  const lines: string[] = [];
  for (const pragma of ["page_size", "auto_vacuum", "journal_mode", "user_version", "application_id", "encoding"])
    lines.push(`${pragma} ${JSON.stringify(database.query(`pragma ${pragma}`).values())}`);
  const schema = database.query("select type, name, tbl_name, sql from sqlite_schema order by type, name").values();
  lines.push(...schema.map((row) => JSON.stringify(row)));
  for (const [name, withoutRowid] of database
    .query("select name, wr from pragma_table_list where schema = 'main' and type <> 'view' order by name")
    .values() as [string, number][]) {
    const order = withoutRowid === 1 ? "" : "rowid, ";
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const rows = name === "sqlite_schema" ? [] : database.query(`select ${order}* from ${quoted}`).values();
    lines.push(...rows.map((row) => `${name} ${Bun.inspect(row)}`));
  }
  return lines.join("\n");
}

async function restoreInto(
  source: Source,
  path: string,
  mode: RestoreMode,
  taken: TakenDump,
  options: Partial<RestoreOptions> = {},
): Promise<void> {
  await using target = await source.openTarget({ database: path, mode, stopConnections: false, signal: never });
  for (const part of restoreParts(taken)) await target.restore(part, { ...plainRestore, ...options }, never);
  await target.commit();
}

/** Another process at the database; resolves when it has said its first line. */
async function startNeighbour(code: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", code], { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await closed;
}

describeSourceContract(
  "sqlite",
  async () => {
    const bench = makeBench();
    fillSample(bench.path);
    let places = 0;
    return {
      source: bench.source(),
      tmpDir: bench.tmpDir,
      place: bench.path,
      newPlace: () => join(bench.root, `place-${places++}.db`),
      describePlace: async (place) => describeDatabase(place),
      async fillPlace(place) {
        using database = new Database(place, { create: true });
        database.run("create table other (x); insert into other values (1)");
      },
      async listLeftovers() {
        return readdirSync(bench.root).filter((name) => name.startsWith("."));
      },
      openUnreachable: () => bench.source(join(bench.root, "absent.db")),
      logged: bench.logged,
      async [Symbol.asyncDispose]() {
        bench[Symbol.dispose]();
      },
    };
  },
  { rowCounts: true, modes: ["create", "drop"], drills: ["project", "throwaway"] },
);

test("a dump holds what is only in the write-ahead log, and leaves the live files as they are", async () => {
  using bench = makeBench();
  using live = new Database(bench.path, { create: true });
  live.run("pragma journal_mode = wal");
  live.run("pragma wal_autocheckpoint = 0");
  live.run("create table t (x)");
  live.run("insert into t values (1), (2), (3)");
  const before = { main: readFileSync(bench.path), log: readFileSync(`${bench.path}-wal`) };
  const taken = await takeDump(bench.source());
  expect(taken.summary.rowCounts?.tables).toEqual([{ schema: "main", table: "t", rows: 3 }]);
  expect(readFileSync(bench.path).equals(before.main)).toBe(true);
  expect(readFileSync(`${bench.path}-wal`).equals(before.log)).toBe(true);
});

for (const mode of ["wal", "delete"]) {
  test(`a dump under a busy writer in mode ${mode} is one consistent moment`, async () => {
    using bench = makeBench();
    {
      using database = new Database(bench.path, { create: true });
      database.run(`pragma journal_mode = ${mode}`);
      database.run("create table account (id integer primary key, amount int); create table entry (x)");
      for (let id = 1; id <= 200; id++) database.run("insert into account values (?, 100)", [id]);
    }
    const writer = await startNeighbour(`
      import { Database } from "bun:sqlite";
      const database = new Database(${JSON.stringify(bench.path)});
      database.run("pragma busy_timeout = 20000");
      console.log("started");
      for (let round = 1; ; round++) {
        database.run("begin immediate");
        database.run("update account set amount = amount - 1 where id = ?", [1 + (round % 200)]);
        database.run("update account set amount = amount + 1 where id = ?", [1 + ((round * 7) % 200)]);
        database.run("insert into entry values (?)", ["x".repeat(500)]);
        database.run("commit");
      }`);
    try {
      for (let round = 0; round < 5; round++) {
        const taken = await takeDump(bench.source());
        const file = join(bench.root, `copy-${round}.db`);
        await restoreInto(bench.source(), file, "create", taken);
        using copy = new Database(file, { readonly: true });
        expect(copy.query("select sum(amount) from account").values()).toEqual([[20_000]]);
        expect(copy.query("select count(*) from entry").values()[0]![0]).toBe(
          taken.summary.rowCounts!.tables.find((count) => count.table === "entry")!.rows,
        );
      }
    } finally {
      await stop(writer);
    }
  }, 60_000);
}

test("a locked database is waited for without freezing us, and aborting ends the wait", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const holder = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.run("pragma journal_mode = delete");
    database.run("begin exclusive");
    console.log("held");
    setInterval(() => database.filename, 1000);`);
  try {
    let turns = 0;
    const ticking = setInterval(() => turns++, 20);
    const controller = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 1_000);
    const started = performance.now();
    await expect(bench.source().dump({ rowCounts: "off", signal: controller.signal })).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(turns).toBeGreaterThan(20);
    clearInterval(ticking);
    expect(readdirSync(bench.tmpDir)).toEqual([]);
    const error = await expectCode(bench.source().probe(never), "source_failed");
    expect(error.retryable).toBe(true);
  } finally {
    await stop(holder);
  }
}, 30_000);

test("a file that is no database, an encrypted one and a directory are named", async () => {
  using bench = makeBench();
  writeFileSync(bench.path, crypto.getRandomValues(new Uint8Array(16_384)));
  for (const attempt of [() => bench.source().probe(never), () => takeDump(bench.source())]) {
    const error = await expectCode(attempt(), "source_failed");
    expect(error.hint).toContain("encrypted");
  }
  await expectCode(bench.source(bench.root).probe(never), "source_failed");
  expect(readdirSync(bench.tmpDir)).toEqual([]);
});

test("a damaged page fails the dump, not only the restore", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  {
    using database = new Database(bench.path);
    database.run("pragma journal_mode = delete");
  }
  const fd = openSync(bench.path, "r+");
  const pages = statSync(bench.path).size / 8192;
  for (let page = 2; page < pages; page += 2) writeSync(fd, Buffer.alloc(64, 0xa5), 0, 64, page * 8192);
  closeSync(fd);
  await expectCode(takeDump(bench.source()), "source_failed");
  expect(readdirSync(bench.tmpDir)).toEqual([]);
});

test("a cut database file fails the dump", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  truncateSync(bench.path, Math.floor(statSync(bench.path).size / 8192 / 2) * 8192);
  await expectCode(takeDump(bench.source()), "source_failed");
});

test("a flipped byte in any page's structure is found before a restore touches the target", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const bytes = Buffer.from(taken.parts[0]!.bytes);
  bytes.fill(0xff, 8192 * 3, 8192 * 3 + 12);
  const part = { format: "sqlite", facts: {}, stream: streamOf(bytes) };
  await expectCode(bench.source().verifyStructure(part, never), "backup_corrupt");
  const place = join(bench.root, "place.db");
  await expectCode(
    restoreInto(bench.source(), place, "create", { ...taken, parts: [{ ...taken.parts[0]!, bytes }] }),
    "backup_corrupt",
  );
  expect(existsSync(place)).toBe(false);
});

test("a dump killed half-way leaves a file that nobody lists and the live database usable", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const before = describeDatabase(bench.path);
  const victim = await startNeighbour(`
    import { open } from ${JSON.stringify(join(import.meta.dir, "../../src/adapters/source/sqlite/index.ts"))};
    const source = open({ path: ${JSON.stringify(bench.path)} }, { tmpDir: ${JSON.stringify(bench.tmpDir)}, tools: {}, log() {} });
    const dump = await source.dump({ rowCounts: "off", signal: new AbortController().signal });
    for await (const part of dump.parts()) for await (const chunk of part.stream) { console.log("chunk"); await Bun.sleep(60000); }`);
  await stop(victim);
  expect(describeDatabase(bench.path)).toBe(before);
  expect((await takeDump(bench.source())).parts[0]!.bytes.length).toBeGreaterThan(0);
});

test("only the asked tables are restored, with their rows, numbers, indexes and triggers", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place.db");
  const quoted = `quoted "name" and 'more' 😀`;
  await restoreInto(bench.source(), place, "create", taken, {
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
  const missing = restoreInto(bench.source(), join(bench.root, "other.db"), "create", taken, { tables: ["absent"] });
  expect((await expectCode(missing, "restore_failed")).message).toContain("absent");
});

test("a restore of the schema alone has every object and no row", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place.db");
  await restoreInto(bench.source(), place, "create", taken, { schemaOnly: true });
  using copy = new Database(place, { readonly: true });
  using live = new Database(bench.path, { readonly: true });
  const objects = "select type, name, sql from sqlite_schema where name not like 'sqlite%' order by type, name";
  expect(copy.query(objects).values()).toEqual(live.query(objects).values());
  for (const table of ["plain", "parent", "child", "rowless", "strictly"])
    expect(copy.query(`select count(*) from ${table}`).values()).toEqual([[0]]);
  await expectCode(
    restoreInto(bench.source(), join(bench.root, "other.db"), "create", taken, { dataOnly: true }),
    "unsupported",
  );
});

test("a replaced database loses its old write-ahead log, which would else be replayed into the new one", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const before = describeDatabase(bench.path);
  // A crash left a log beside the main file.
  const crashed = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.run("pragma wal_autocheckpoint = 0");
    for (let i = 0; i < 500; i++) database.run("insert into plain (x) values ('later')");
    console.log("written");
    setInterval(() => database.filename, 1000);`);
  await stop(crashed);
  expect(statSync(`${bench.path}-wal`).size).toBeGreaterThan(0);
  await restoreInto(bench.source(), bench.path, "drop", taken);
  expect(existsSync(`${bench.path}-wal`)).toBe(false);
  expect(describeDatabase(bench.path)).toBe(before);
});

test("a log without its database does not flow into a restored one", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const before = describeDatabase(bench.path);
  const crashed = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.run("pragma wal_autocheckpoint = 0");
    for (let i = 0; i < 500; i++) database.run("insert into plain (x) values ('later')");
    console.log("written");
    setInterval(() => database.filename, 1000);`);
  await stop(crashed);
  rmSync(bench.path);
  await restoreInto(bench.source(), bench.path, "create", taken);
  expect(describeDatabase(bench.path)).toBe(before);
});

test("a database that another process has open in WAL mode is not replaced under it", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const user = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)});
    database.query("select count(*) from plain").get();
    console.log("open");
    setInterval(() => database.filename, 1000);`);
  try {
    const error = await expectCode(restoreInto(bench.source(), bench.path, "drop", taken), "restore_failed");
    expect(error.hint).toContain("another process");
    expect(existsSync(bench.path)).toBe(true);
  } finally {
    await stop(user);
  }
}, 30_000);

test("a damaged database can be replaced, and the new file takes over its mode", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "damaged.db");
  writeFileSync(place, crypto.getRandomValues(new Uint8Array(20_000)));
  chmodSync(place, 0o640);
  expect(await bench.source().inspectTarget(place, never)).toMatchObject({ exists: true, empty: false });
  await restoreInto(bench.source(), place, "drop", taken);
  expect(describeDatabase(place)).toBe(describeDatabase(bench.path));
  expect(statSync(place).mode & 0o777).toBe(0o640);
});

test("temporary copies are for nobody else to read", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  await using dump = await bench.source().dump({ rowCounts: "off", signal: never });
  const [directory] = readdirSync(bench.tmpDir);
  expect(statSync(join(bench.tmpDir, directory!)).mode & 0o777).toBe(0o700);
  expect(statSync(join(bench.tmpDir, directory!, "copy.sqlite")).mode & 0o777).toBe(0o600);
  for await (const part of dump.parts()) await collect(part.stream);
  expect(readdirSync(bench.tmpDir)).toEqual([]);
});

test("an empty file is a warning and a dump that can be restored", async () => {
  using bench = makeBench();
  writeFileSync(bench.path, "");
  expect((await bench.source().probe(never)).warnings).toHaveLength(1);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place.db");
  await restoreInto(bench.source(), place, "create", taken);
  using copy = new Database(place, { readonly: true });
  expect(copy.query("select count(*) from sqlite_schema").values()).toEqual([[0]]);
});

test("a broken foreign key in the live data is a warning, not a failure", async () => {
  using bench = makeBench();
  {
    using database = new Database(bench.path, { create: true });
    database.run(
      "create table a (id integer primary key); create table b (a int references a (id)); insert into b values (5)",
    );
  }
  const taken = await takeDump(bench.source());
  expect(taken.summary.warnings).toEqual(["foreign key violated: a row of b refers to no row of a"]);
});

test("the compiled program copies with nothing else installed, whatever lies in the current directory", async () => {
  using bench = makeBench();
  fillSample(bench.path);
  const entry = join(bench.root, "entry.ts");
  const adapter = join(import.meta.dir, "../../src/adapters/source/sqlite/index.ts");
  writeFileSync(
    entry,
    `import { open } from ${JSON.stringify(adapter)};
     const source = open({ path: process.argv[2] }, { tmpDir: process.argv[3], tools: {}, log() {} });
     const dump = await source.dump({ rowCounts: "exact", signal: new AbortController().signal });
     let bytes = 0;
     for await (const part of dump.parts()) for await (const chunk of part.stream) bytes += chunk.length;
     console.log(JSON.stringify({ bytes, tables: (await dump.summary()).rowCounts.tables.length }));`,
  );
  const program = join(bench.root, "program");
  const built = await Bun.build({
    entrypoints: [entry],
    minify: true,
    compile: { outfile: program, autoloadBunfig: false, autoloadDotenv: false },
  });
  expect(built.success).toBe(true);
  const hostile = join(bench.root, "hostile");
  mkdirSync(hostile);
  writeFileSync(join(hostile, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(hostile, "evil.ts"), 'console.log("evil");\n');
  const child = Bun.spawnSync([program, bench.path, bench.tmpDir], { cwd: hostile, env: { PATH: "/nonexistent" } });
  const answer = JSON.parse(child.stdout.toString()) as { bytes: number; tables: number };
  expect(answer.bytes).toBeGreaterThan(8192);
  expect(answer.tables).toBeGreaterThan(5);
}, 60_000);
