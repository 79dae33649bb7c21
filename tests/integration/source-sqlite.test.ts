// The SQLite source against the contract, and its dumps against what happens to live databases.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { collect, describeSourceContract, expectCode, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import {
  describeSqlite,
  fillSqliteSample,
  makeSqliteBench,
  restoreSqlite,
  startNeighbour,
  stopNeighbour,
} from "../support/sqlite-sample.ts";

const never = new AbortController().signal;

describeSourceContract(
  "sqlite",
  async () => {
    const bench = makeSqliteBench();
    fillSqliteSample(bench.path);
    let places = 0;
    return {
      source: bench.source(),
      tmpDir: bench.tmpDir,
      place: bench.path,
      newPlace: () => join(bench.root, `place-${places++}.db`),
      describePlace: async (place) => describeSqlite(place),
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
  using bench = makeSqliteBench();
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
    using bench = makeSqliteBench();
    {
      using database = new Database(bench.path, { create: true });
      database.run(`pragma journal_mode = ${mode}`);
      database.run("create table account (id integer primary key, amount int); create table entry (x)");
      for (let id = 1; id <= 200; id++) database.run("insert into account values (?, 100)", [id]);
    }
    const writer = await startNeighbour(`
      import { Database } from "bun:sqlite";
      const database = new Database(${JSON.stringify(bench.path)});
      database.run("pragma busy_timeout = 20000; pragma synchronous = off");
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
        await restoreSqlite(bench.source(), file, "create", taken);
        using copy = new Database(file, { readonly: true });
        expect(copy.query("select sum(amount) from account").values()).toEqual([[20_000]]);
        expect(copy.query("select count(*) from entry").values()[0]![0]).toBe(
          taken.summary.rowCounts!.tables.find((count) => count.table === "entry")!.rows,
        );
      }
    } finally {
      await stopNeighbour(writer);
    }
  }, 60_000);
}

test("a locked database is waited for without freezing us, and aborting ends the wait", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
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
    await stopNeighbour(holder);
  }
}, 30_000);

test("a file that is no database, an encrypted one and a directory are named", async () => {
  using bench = makeSqliteBench();
  writeFileSync(bench.path, crypto.getRandomValues(new Uint8Array(16_384)));
  for (const attempt of [() => bench.source().probe(never), () => takeDump(bench.source())]) {
    const error = await expectCode(attempt(), "source_failed");
    expect(error.hint).toContain("encrypted");
  }
  await expectCode(bench.source(bench.root).probe(never), "source_failed");
  expect(readdirSync(bench.tmpDir)).toEqual([]);
});

test("a damaged page fails the dump, not only the restore", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
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
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  truncateSync(bench.path, Math.floor(statSync(bench.path).size / 8192 / 2) * 8192);
  await expectCode(takeDump(bench.source()), "source_failed");
});

test("a flipped byte in any page's structure is found before a restore touches the target", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const taken = await takeDump(bench.source());
  const bytes = Buffer.from(taken.parts[0]!.bytes);
  bytes.fill(0xff, 8192 * 3, 8192 * 3 + 12);
  const part = { format: "sqlite", facts: {}, stream: streamOf(bytes) };
  await expectCode(bench.source().verifyStructure(part, never), "backup_corrupt");
  const place = join(bench.root, "place.db");
  await expectCode(
    restoreSqlite(bench.source(), place, "create", { ...taken, parts: [{ ...taken.parts[0]!, bytes }] }),
    "backup_corrupt",
  );
  expect(existsSync(place)).toBe(false);
});

test("a dump killed half-way leaves a file that nobody lists and the live database usable", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const before = describeSqlite(bench.path);
  const victim = await startNeighbour(`
    import { open } from ${JSON.stringify(join(import.meta.dir, "../../src/adapters/source/sqlite/index.ts"))};
    const source = open({ path: ${JSON.stringify(bench.path)} }, { tmpDir: ${JSON.stringify(bench.tmpDir)}, tools: {}, log() {} });
    const dump = await source.dump({ rowCounts: "off", signal: new AbortController().signal });
    for await (const part of dump.parts()) for await (const chunk of part.stream) { console.log("chunk"); await Bun.sleep(60000); }`);
  await stopNeighbour(victim);
  expect(describeSqlite(bench.path)).toBe(before);
  expect((await takeDump(bench.source())).parts[0]!.bytes.length).toBeGreaterThan(0);
});

test("temporary copies are for nobody else to read", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  await using dump = await bench.source().dump({ rowCounts: "off", signal: never });
  const [directory] = readdirSync(bench.tmpDir);
  expect(statSync(join(bench.tmpDir, directory!)).mode & 0o777).toBe(0o700);
  expect(statSync(join(bench.tmpDir, directory!, "copy.sqlite")).mode & 0o777).toBe(0o600);
  for await (const part of dump.parts()) await collect(part.stream);
  expect(readdirSync(bench.tmpDir)).toEqual([]);
});

test("an empty file is a warning and a dump that can be restored", async () => {
  using bench = makeSqliteBench();
  writeFileSync(bench.path, "");
  expect((await bench.source().probe(never)).warnings).toHaveLength(1);
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place.db");
  await restoreSqlite(bench.source(), place, "create", taken);
  using copy = new Database(place, { readonly: true });
  expect(copy.query("select count(*) from sqlite_schema").values()).toEqual([[0]]);
});

test("a broken foreign key in the live data is a warning, not a failure", async () => {
  using bench = makeSqliteBench();
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
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
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
