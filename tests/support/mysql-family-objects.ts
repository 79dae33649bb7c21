// Tests that both MariaDB and MySQL pass: everything of a rich database comes back, and nothing but what was asked for.

import { expect, type test as bunTest } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MysqlFamilyConfig } from "../../src/adapters/source/shared-mysql/connection-config.ts";
import { quoteName } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import { fullRestore, type RestoreMode, type RestoreOptions, type Source } from "../../src/ports/source.ts";
import { expectCode, restoreParts, takeDump, type TakenDump } from "../../src/ports/source.contract.ts";
import { describeDatabase } from "./describe-mysql.ts";
import { richStatements } from "./mysql-family-rich.ts";
import { backupUser, canary } from "./mysql-family-sample.ts";
import { createTestDatabase, createUser, loginAs, type FamilyServer } from "./mysql-family-server.ts";

const never = new AbortController().signal;

export interface Bench extends AsyncDisposable {
  readonly server: FamilyServer;
  readonly tmpDir: string;
  readonly logged: string[];
  readonly rich: string;
  open(database: string, options?: Partial<MysqlFamilyConfig["options"]>, more?: Partial<MysqlFamilyConfig>): Source;
  newDatabase(...statements: string[]): Promise<string>;
  newName(): string;
}

let count = 0;

export async function openBench(server: FamilyServer): Promise<Bench> {
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-objects-"));
  const names: string[] = [];
  const logged: string[] = [];
  const rich = "ri`ch db";
  await createTestDatabase(server, rich, ...richStatements(server));
  names.push(rich);
  function newName(): string {
    const name = `place ${++count}`;
    names.push(name);
    return name;
  }
  return {
    server,
    tmpDir,
    logged,
    rich,
    open(database, options = {}, more = {}) {
      const login = loginAs(server, backupUser, canary, database);
      const context = { tmpDir, tools: server.tools, log: (_: string, message: string) => void logged.push(message) };
      return openSource(server.flavour, { ...login, ...more, options: { ...login.options, ...options } }, context);
    },
    async newDatabase(...statements) {
      const name = newName();
      await createTestDatabase(server, name, ...statements);
      return name;
    },
    newName,
    async [Symbol.asyncDispose]() {
      for (const name of names) await server.run(undefined, `DROP DATABASE IF EXISTS ${quoteName(name)}`);
      await rm(tmpDir, { recursive: true, force: true });
    },
  };
}

export async function restore(
  source: Source,
  taken: TakenDump,
  database: string,
  mode: RestoreMode,
  options: Partial<RestoreOptions> = {},
) {
  await using target = await source.openTarget({ database, mode, stopConnections: true, signal: never });
  const warnings: string[] = [];
  for (const part of restoreParts(taken)) {
    warnings.push(...(await target.restore(part, { ...fullRestore, ...options }, never)).warnings);
  }
  const counts = await target.countRows(never);
  await target.commit();
  return { counts, warnings };
}

const byTable = (counts: readonly { table: string; rows: number }[]) =>
  Object.fromEntries(
    counts.map((one) => [one.table, one.rows]).toSorted(([left], [right]) => (left! < right! ? -1 : 1)),
  );

export function describeFamilyObjects(label: string, bench: () => Bench, test: typeof bunTest): void {
  const limitMs = 60_000;

  test(
    `${label}: every object and row comes back under a new name`,
    async () => {
      const { server, rich, open, newName } = bench();
      const before = await describeDatabase(server, rich);
      const taken = await takeDump(open(rich));
      await open(rich).verifyStructure(restoreParts(taken)[0]!, never);
      const name = newName();
      const { counts } = await restore(open(rich), taken, name, "create");
      expect(await describeDatabase(server, name)).toBe(before);
      expect(byTable(counts)).toEqual(byTable(taken.summary.rowCounts!.tables));
      expect(taken.summary.rowCounts!.method).toBe("stream");
      expect(byTable(counts)["all_types"]).toBe(5);
      expect(byTable(counts)["no rows"]).toBe(0);
    },
    limitMs,
  );

  test(
    `${label}: every object and row comes back in the place of a filled database`,
    async () => {
      const { server, rich, open, newDatabase } = bench();
      const before = await describeDatabase(server, rich);
      const taken = await takeDump(open(rich));
      const name = await newDatabase(
        "CREATE TABLE all_types (other INT)",
        "INSERT INTO all_types VALUES (1), (2)",
        "CREATE TRIGGER before_insert BEFORE INSERT ON all_types FOR EACH ROW SET NEW.other = 1",
        "CREATE VIEW computed AS SELECT * FROM all_types",
        "CREATE FUNCTION add_one(n INT) RETURNS INT DETERMINISTIC RETURN n + 100",
        "CREATE TABLE only_old (a INT)",
        "CREATE EVENT only_old ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM only_old",
      );
      await restore(open(rich), taken, name, "drop");
      expect(await describeDatabase(server, name)).toBe(before);
      // And again, now with everything that makes a swap hard on both sides.
      await restore(open(rich), taken, name, "drop");
      expect(await describeDatabase(server, name)).toBe(before);
      expect((await server.listDatabases()).filter((one) => /_(old|restore)_/.test(one))).toEqual([]);
    },
    limitMs,
  );

  test(
    `${label}: mode clean replaces what the dump defines and leaves the rest`,
    async () => {
      const { server, rich, open, newDatabase } = bench();
      const taken = await takeDump(open(rich));
      const name = await newDatabase(
        "CREATE TABLE all_types (other INT)",
        "CREATE TABLE zz_mine (a INT)",
        "INSERT INTO zz_mine VALUES (4)",
      );
      await restore(open(rich), taken, name, "clean");
      expect(await server.run(name, "SELECT a FROM zz_mine")).toEqual([{ a: 4 }]);
      await server.run(name, "DROP TABLE zz_mine");
      expect(await describeDatabase(server, name)).toBe(await describeDatabase(server, rich));
    },
    limitMs,
  );

  test(
    `${label}: mode append adds all rows, or none when one of them is refused`,
    async () => {
      const { server, open, newDatabase } = bench();
      const from = await newDatabase(
        "CREATE TABLE a (id INT PRIMARY KEY)",
        "INSERT INTO a VALUES (1), (2)",
        "CREATE TABLE b (id INT PRIMARY KEY)",
        "INSERT INTO b VALUES (5)",
      );
      const taken = await takeDump(open(from));
      const to = await newDatabase(
        "CREATE TABLE a (id INT PRIMARY KEY)",
        "INSERT INTO a VALUES (7)",
        "CREATE TABLE b (id INT PRIMARY KEY)",
      );
      await restore(open(from), taken, to, "append");
      expect(await server.run(to, "SELECT (SELECT COUNT(*) FROM a) AS a, (SELECT COUNT(*) FROM b) AS b")).toEqual([
        { a: 3, b: 1 },
      ]);
      const error = await expectCode(restore(open(from), taken, to, "append"), "restore_failed");
      expect(error.details["errno"]).toBe(1062);
      const half = await newDatabase(
        "CREATE TABLE a (id INT PRIMARY KEY)",
        "CREATE TABLE b (id INT PRIMARY KEY)",
        "INSERT INTO b VALUES (5)",
      );
      await expectCode(restore(open(from), taken, half, "append"), "restore_failed");
      expect(await server.run(half, "SELECT COUNT(*) AS n FROM a")).toEqual([{ n: 0 }]);
    },
    limitMs,
  );

  test(
    `${label}: chosen tables come back with their triggers and nothing else does`,
    async () => {
      const { server, rich, open, newName } = bench();
      const taken = await takeDump(open(rich));
      const name = newName();
      await restore(open(rich), taken, name, "create", {
        tables: ["computed", `${rich}.log`, "q`uote ' \" \\ -- /* ;"],
      });
      const tables = await server.run(name, "SHOW TABLES");
      expect(tables.map((row) => String(Object.values(row)[0])).toSorted()).toEqual([
        "computed",
        "log",
        "q`uote ' \" \\ -- /* ;",
      ]);
      const triggers = await server.run(name, "SHOW TRIGGERS");
      expect(triggers.map((row) => String(row["Trigger"])).toSorted()).toEqual(["after_update", "before_insert"]);
      const missing = restore(open(rich), taken, newName(), "create", { tables: ["computed", "nowhere"] });
      expect((await expectCode(missing, "restore_failed")).message).toContain('"nowhere"');
    },
    limitMs,
  );

  test(
    `${label}: definitions alone, and rows alone`,
    async () => {
      const { server, rich, open, newName } = bench();
      const taken = await takeDump(open(rich));
      const name = newName();
      const { counts } = await restore(open(rich), taken, name, "create", { schemaOnly: true });
      expect(counts.length).toBe(taken.summary.rowCounts!.tables.length);
      expect(counts.every((table) => table.rows === 0)).toBe(true);
      await server.run(name, "DROP TRIGGER before_insert");
      const filled = await restore(open(rich), taken, name, "clean", { dataOnly: true });
      expect(byTable(filled.counts)).toEqual(byTable(taken.summary.rowCounts!.tables));
      await expectCode(restore(open(rich), taken, newName(), "create", { dataOnly: true }), "usage");
    },
    limitMs,
  );

  test(
    `${label}: settings choose what is dumped`,
    async () => {
      const { rich, open } = bench();
      const text = async (options: Parameters<typeof open>[1]) => {
        const taken = await takeDump(open(rich, options));
        return { taken, sql: Buffer.from(taken.parts[0]!.bytes).toString() };
      };
      const schema = await text({ schema_only: true });
      expect(/^INSERT INTO/m.test(schema.sql)).toBe(false);
      expect(schema.taken.summary.rowCounts).toBeNull();
      const data = await text({ data_only: true });
      expect(/^CREATE (TABLE|DEFINER)|^.{0,99}TRIGGER/m.test(data.sql)).toBe(false);
      expect(byTable(data.taken.summary.rowCounts!.tables)["no rows"]).toBe(0);
      const some = await text({ include_tables: ["-d*", `${rich}.no rows`] });
      expect(byTable(some.taken.summary.rowCounts!.tables)).toEqual({ "-dash": 1, "no rows": 0 });
      expect((await expectCode(text({ include_tables: ["nothing?"] }), "source_failed")).message).toContain(
        '"nothing?"',
      );
      const less = await text({
        exclude_tables: ["a*", "q`uote ' \" \\ -- /* ;", "c_top", "b_mid"],
        extended_insert: false,
      });
      expect(Object.keys(byTable(less.taken.summary.rowCounts!.tables))).not.toContain("all_types");
      expect(less.sql.includes("q``uote ' \" \\ -- /* ;` VALUES")).toBe(false);
      expect(less.sql.includes("`c_top`")).toBe(false);
      expect(less.sql.includes("`b_parent`")).toBe(true);
    },
    limitMs,
  );

  test(
    `${label}: counts under a read lock are those of the dump`,
    async () => {
      const { rich, open } = bench();
      const locked = await takeDump(open(rich), "lock");
      const streamed = await takeDump(open(rich), "exact");
      expect(locked.summary.rowCounts!.method).toBe("lock");
      expect(byTable(locked.summary.rowCounts!.tables)).toEqual(byTable(streamed.summary.rowCounts!.tables));
    },
    limitMs,
  );

  test(
    `${label}: a locked count does not let a writer in between`,
    async () => {
      const { server, open, newDatabase } = bench();
      const from = await newDatabase("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)");
      let writing = true;
      const writer = (async () => {
        while (writing) await server.run(from, "INSERT INTO t VALUES (2), (3)");
      })();
      try {
        for (let round = 0; round < 5; round++) {
          const taken = await takeDump(open(from), "lock");
          const name = bench().newName();
          const { counts } = await restore(open(from), taken, name, "create");
          expect(byTable(counts)).toEqual(byTable(taken.summary.rowCounts!.tables));
        }
      } finally {
        writing = false;
        await writer;
      }
    },
    limitMs,
  );

  test(
    `${label}: without owners the restoring user becomes the definer`,
    async () => {
      const { server, rich, open, newName } = bench();
      const taken = await takeDump(open(rich));
      const name = newName();
      await restore(open(rich), taken, name, "create", { noOwner: true });
      const definers = await server.run(
        name,
        `SELECT DISTINCT DEFINER AS d FROM (SELECT DEFINER, TRIGGER_SCHEMA AS s FROM information_schema.TRIGGERS
        UNION SELECT DEFINER, TABLE_SCHEMA FROM information_schema.VIEWS UNION SELECT DEFINER, ROUTINE_SCHEMA FROM information_schema.ROUTINES
        UNION SELECT DEFINER, EVENT_SCHEMA FROM information_schema.EVENTS) AS x WHERE s = DATABASE()`,
      );
      expect(definers).toEqual([{ d: `${backupUser}@%` }]);
    },
    limitMs,
  );

  test(
    `${label}: a restore under another name does not touch the database it came from`,
    async () => {
      const { server, open, newDatabase, newName } = bench();
      const from = await newDatabase("CREATE TABLE t (a INT)", "CREATE PROCEDURE p() SELECT 1");
      // From now on the dump switches the database's character set around the procedure, by name.
      await server.run(from, `ALTER DATABASE ${quoteName(from)} CHARACTER SET latin1 COLLATE latin1_swedish_ci`);
      const taken = await takeDump(open(from));
      expect(Buffer.from(taken.parts[0]!.bytes).toString()).toContain("ALTER DATABASE");
      await server.run(from, `ALTER DATABASE ${quoteName(from)} CHARACTER SET ascii COLLATE ascii_bin`);
      const before = await describeDatabase(server, from);
      const name = newName();
      await restore(open(from), taken, name, "create");
      expect(await describeDatabase(server, from)).toBe(before);
      expect((await describeDatabase(server, name)).split("\n")[0]).toContain("latin1_swedish_ci");
    },
    limitMs,
  );

  test(
    `${label}: the rights that the documents name are enough for a backup and a drill, without warnings`,
    async () => {
      const { server, rich, tmpDir } = bench();
      const pattern = rich.replaceAll("`", "``");
      await createUser(
        server,
        "backup",
        "secret",
        `SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, EXECUTE ON \`${pattern}\`.*`,
        server.flavour.type === "mariadb" ? "SELECT ON mysql.proc" : "SHOW_ROUTINE ON *.*",
        "ALL ON `backupctl_drill_%`.*",
      );
      const context = { tmpDir, tools: server.tools, log() {} };
      const source = openSource(server.flavour, loginAs(server, "backup", "secret", rich), context);
      expect((await source.probe(never)).warnings).toEqual([]);
      const taken = await takeDump(source);
      expect(taken.summary.warnings).toEqual([]);
      expect(byTable(taken.summary.rowCounts!.tables)).toEqual(
        byTable((await takeDump(bench().open(rich))).summary.rowCounts!.tables),
      );
      const rows = byTable((await takeDump(source, "lock")).summary.rowCounts!.tables);
      expect(rows).toEqual(byTable(taken.summary.rowCounts!.tables));
      {
        await using drill = await source.openDrill({ on: "project", signal: never });
        for (const part of restoreParts(taken)) await drill.restore(part, fullRestore, never);
        expect(byTable(await drill.countRows(never))).toEqual(rows);
      }
      await server.run(undefined, "DROP USER backup@'%'");
    },
    limitMs,
  );

  test(
    `${label}: temporary files are gone and nothing logged is secret`,
    async () => {
      const { tmpDir, logged } = bench();
      expect(await readdir(tmpDir)).toEqual([]);
      expect(logged.join("\n")).not.toContain(canary);
    },
    limitMs,
  );
}
