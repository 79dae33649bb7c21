// SQLite databases in places that refuse: full disks, read-only directories, crashed transactions, foreign collations.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "../../src/adapters/source/sqlite/index.ts";
import { collect, expectCode, restoreParts, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { needs } from "../support/requirement.ts";
import {
  fillSqliteSample,
  makeSqliteBench,
  restoreSqlite,
  startNeighbour,
  stopNeighbour,
} from "../support/sqlite-sample.ts";

const never = new AbortController().signal;
const isRoot = process.geteuid?.() === 0;
const testWithMount = needs(...(isRoot ? ["mount", "umount"] : ["root"]));
const testAsNobody = needs(isRoot ? "setpriv" : "root");

function fillLarge(path: string, megabytes: number): void {
  using database = new Database(path, { create: true });
  database.run("pragma synchronous = off; create table t (x blob)");
  for (let index = 0; index < megabytes; index++) database.run("insert into t values (randomblob(1000000))");
}

testWithMount("a copy that does not fit is not begun, and a disk that fills up under it is named", async () => {
  using bench = makeSqliteBench();
  fillLarge(bench.path, 3);
  const small = join(bench.root, "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
  try {
    const source = open({ path: bench.path }, { tmpDir: small, tools: {}, log() {} });
    const error = await expectCode(takeDump(source), "disk_full");
    expect(error.message).toContain(small);
    expect(readdirSync(small)).toEqual([]);
    const dump = await takeDump(bench.source());
    for (const part of restoreParts(dump)) await expectCode(source.verifyStructure(part, never), "disk_full");
    await expectCode(restoreSqlite(bench.source(), join(small, "place.db"), "create", dump), "disk_full");
    expect(readdirSync(small)).toEqual([]);
  } finally {
    execFileSync("umount", [small]);
  }
});

test("a cancelled copy ends its process and leaves nothing", async () => {
  using bench = makeSqliteBench();
  fillLarge(bench.path, 150);
  const controller = new AbortController();
  const reason = new Error("enough");
  const dump = bench.source().dump({ rowCounts: "off", signal: controller.signal });
  while (!readdirSync(bench.tmpDir, { recursive: true }).some((name) => String(name).endsWith("copy.sqlite")))
    await Bun.sleep(2);
  const started = performance.now();
  controller.abort(reason);
  await expect(dump).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(readdirSync(bench.tmpDir)).toEqual([]);
}, 60_000);

test("a transaction that a crash left behind is named, and not undone by us", async () => {
  using bench = makeSqliteBench();
  const writer = await startNeighbour(`
    import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(bench.path)}, { create: true });
    database.run("create table t (x); pragma cache_size = 2; pragma cache_spill = 1");
    database.run("begin");
    for (let i = 0; i < 3000; i++) database.run("insert into t values (randomblob(2000))");
    console.log("dirty");
    setInterval(() => database.filename, 1000);`);
  await stopNeighbour(writer);
  expect(statSync(`${bench.path}-journal`).size).toBeGreaterThan(0);
  const error = await expectCode(takeDump(bench.source()), "source_failed");
  expect(error.message).toContain("SQLITE_READONLY_ROLLBACK");
  expect(error.hint).toContain("its application");
  expect(statSync(`${bench.path}-journal`).size).toBeGreaterThan(0);
  // Its application opens it: the half transaction is gone, and the dump works.
  {
    using database = new Database(bench.path);
    expect(database.query("select count(*) from t").values()).toEqual([[0]]);
  }
  expect((await takeDump(bench.source())).summary.rowCounts?.tables).toEqual([{ schema: "main", table: "t", rows: 0 }]);
}, 30_000);

testAsNobody(
  "a database that may not be read, and one in WAL mode that may not be shared, are named",
  async () => {
    using bench = makeSqliteBench();
    chmodSync(bench.root, 0o755);
    const plain = join(bench.root, "plain.db");
    fillLarge(plain, 1);
    const shared = join(bench.root, "wal.db");
    fillSqliteSample(shared);
    const closed = join(bench.root, "closed.db");
    copyFileSync(plain, closed);
    chmodSync(closed, 0o600);
    const program = join(bench.root, "program");
    const adapter = join(import.meta.dir, "../../src/adapters/source/sqlite/index.ts");
    writeFileSync(
      `${program}.ts`,
      `import { open } from ${JSON.stringify(adapter)};
     const seen = [];
     for (const path of process.argv.slice(3)) {
       const source = open({ path }, { tmpDir: process.argv[2], tools: {}, log() {} });
       try {
         const dump = await source.dump({ rowCounts: "off", signal: new AbortController().signal });
         let bytes = 0;
         for await (const part of dump.parts()) for await (const chunk of part.stream) bytes += chunk.length;
         seen.push(bytes > 0);
       } catch (error) { seen.push(error.code + ": " + error.hint); }
     }
     console.log(JSON.stringify(seen));`,
    );
    expect((await Bun.build({ entrypoints: [`${program}.ts`], compile: { outfile: program } })).success).toBe(true);
    chmodSync(program, 0o755);
    const tmpDir = join(bench.root, "nobody");
    mkdirSync(tmpDir);
    execFileSync("chown", ["65534:65534", tmpDir]);
    const args = ["--reuid", "65534", "--regid", "65534", "--clear-groups", program, tmpDir, plain, shared, closed];
    const child = spawnSync("setpriv", args, { encoding: "utf8", cwd: "/" });
    const [first, second, third] = JSON.parse(child.stdout) as (string | boolean)[];
    expect(first).toBe(true);
    expect(second).toContain("WAL mode");
    expect(third).toStartWith("source_auth_failed");
    expect(readdirSync(tmpDir)).toEqual([]);
  },
  60_000,
);

test("a change of the copy on its way out is not possible, for the file is read once and whole", async () => {
  using bench = makeSqliteBench();
  fillLarge(bench.path, 5);
  await using dump = await bench.source().dump({ rowCounts: "off", signal: never });
  const [directory] = readdirSync(bench.tmpDir);
  const copy = join(bench.tmpDir, directory!, "copy.sqlite");
  for await (const part of dump.parts()) {
    const stream = part.stream[Symbol.asyncIterator]();
    await stream.next();
    writeFileSync(copy, "cut");
    const rest = async (): Promise<void> => {
      while ((await stream.next()).done !== true);
    };
    await expectCode(rest(), "source_failed");
  }
  rmSync(copy);
});

test("bytes that follow a proper database are damage", async () => {
  using bench = makeSqliteBench();
  fillSqliteSample(bench.path);
  const [part] = (await takeDump(bench.source())).parts;
  const longer = Buffer.concat([part!.bytes, Buffer.alloc(8192)]);
  const check = bench.source().verifyStructure({ format: "sqlite", facts: {}, stream: streamOf(longer) }, never);
  await expectCode(check, "backup_corrupt");
  expect((await collect(streamOf(longer))).length).toBe(longer.length);
});
