// Databases and tables whose names mean something to a shell, to SQL or to a program's arguments.

import { expect, type test as bunTest } from "bun:test";
import { quoteName } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { restoreParts, takeDump } from "../../src/ports/source.contract.ts";
import { describeDatabase } from "./describe-mysql.ts";
import { restore, type Bench } from "./mysql-family-objects.ts";
import { createTestDatabase } from "./mysql-family-server.ts";
import { fullRestore } from "../../src/ports/source.ts";

const never = new AbortController().signal;
const limitMs = 60_000;
const event = "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM plain";
const oddTables = ["it is 'quoted'", 'q"q', "-x", "b`t", "bs\\", "pc%_", "--help"];
const statements = [
  "CREATE TABLE plain (id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)",
  "INSERT INTO plain (v) VALUES ('x'), ('y')",
  "CREATE VIEW a_view AS SELECT v FROM plain",
  "CREATE TRIGGER tr BEFORE INSERT ON plain FOR EACH ROW SET NEW.v = 'z'",
  "CREATE PROCEDURE p() SELECT 1",
  ...oddTables.flatMap((table) => [
    `CREATE TABLE ${quoteName(table)} (n INT)`,
    `INSERT INTO ${quoteName(table)} VALUES (1), (2)`,
  ]),
];

/** Without these the dump program of MariaDB writes events too. */
const quoted = ["shop's", 'say "hi"', "back\\slash", "x'; DROP TABLE plain; --"];
const others = [
  "-xyz",
  "--all-databases",
  "a shop",
  "per%cent_",
  "tick`s",
  "a.b/c",
  "tab\tname",
  "#hash",
  "$(id) $HOME",
];

export function describeFamilyNames(label: string, bench: () => Bench, test: typeof bunTest): void {
  for (const name of [...quoted, ...others]) {
    test(
      `${label}: database ${JSON.stringify(name)} is dumped, restored, drilled and replaced`,
      async () => {
        const { server, open, newName } = bench();
        const hasEvents = !(server.flavour.misnamesEvents && quoted.includes(name));
        await createTestDatabase(server, name, ...statements, ...(hasEvents ? [event] : []));
        await using _dropped = dropLater(bench(), name);
        const before = await describeDatabase(server, name);
        await open(name).probe(never);
        const taken = await takeDump(open(name));
        expect(taken.summary.warnings).toEqual([]);
        await open(name).verifyStructure(restoreParts(taken)[0]!, never);
        const copy = newName();
        await restore(open(name), taken, copy, "create");
        expect(await describeDatabase(server, copy)).toBe(before);
        await using drill = await open(name).openDrill({ on: "project", signal: never });
        for (const part of restoreParts(taken)) await drill.restore(part, fullRestore, never);
        await restore(open(name), taken, name, "drop");
        expect(await describeDatabase(server, name)).toBe(before);
      },
      limitMs,
    );
  }

  test(
    `${label}: tables of any name can be chosen and left out`,
    async () => {
      const { open, newDatabase } = bench();
      const name = await newDatabase(...statements);
      const tablesOf = async (options: object) =>
        (await takeDump(open(name, options))).summary.rowCounts!.tables.map(({ table }) => table).toSorted();
      expect(await tablesOf({ include_tables: oddTables })).toEqual(oddTables.toSorted());
      expect(await tablesOf({ exclude_tables: oddTables })).toEqual(["plain"]);
    },
    limitMs,
  );

  test(
    `${label}: events of a database with a quote in its name are in the dump, or missed aloud`,
    async () => {
      const { server, open, newName } = bench();
      const name = "event's";
      await createTestDatabase(server, name, ...statements, event);
      await using _dropped = dropLater(bench(), name);
      const { misnamesEvents } = server.flavour;
      const taken = await takeDump(open(name));
      const warning = expect.stringContaining(`events are not in the backup ("e")`);
      expect(taken.summary.warnings).toEqual(misnamesEvents ? [warning] : []);
      expect((await open(name).probe(never)).warnings).toEqual(misnamesEvents ? [warning] : []);
      const copy = newName();
      await restore(open(name), taken, copy, "create");
      const sql = `SELECT COUNT(*) AS n FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '${copy}'`;
      expect(Number((await server.run(copy, sql))[0]!["n"])).toBe(misnamesEvents ? 0 : 1);
      const before = await describeDatabase(server, name);
      const replacing = open(name).openTarget({ database: name, mode: "drop", stopConnections: true, signal: never });
      if (misnamesEvents) await expect(replacing).rejects.toMatchObject({ code: "restore_failed" });
      else await (await replacing)[Symbol.asyncDispose]();
      expect(await describeDatabase(server, name)).toBe(before);
    },
    limitMs,
  );

  test(
    `${label}: an event whose text would keep the dump program busy for ever is missed aloud`,
    async () => {
      const { open, newDatabase, newName } = bench();
      const name = await newDatabase(
        ...statements,
        "CREATE EVENT endless ON SCHEDULE EVERY 1 DAY DISABLE COMMENT 'a;;b' DO SELECT 1",
      );
      const warning = expect.stringContaining(`events are not in the backup ("endless")`);
      const taken = await takeDump(open(name));
      expect(taken.summary.warnings).toEqual([warning]);
      expect((await open(name).probe(never)).warnings).toEqual([warning]);
      await restore(open(name), taken, newName(), "create");
      const replacing = open(name).openTarget({ database: name, mode: "drop", stopConnections: true, signal: never });
      await expect(replacing).rejects.toMatchObject({ code: "restore_failed" });
    },
    limitMs,
  );

  test(
    `${label}: columns whose values the dump program cannot write exactly are named, and no others`,
    async () => {
      const { open, newDatabase } = bench();
      const name = await newDatabase(
        "CREATE TABLE exact (f FLOAT, d DOUBLE, l VARCHAR(9) CHARACTER SET latin1, u VARCHAR(9) CHARACTER SET utf8mb4, s VARCHAR(9) CHARACTER SET sjis)",
        "INSERT INTO exact VALUES (0.1, 123456.789, 0xE9, '💥', 'a'), (-2.5, NULL, NULL, NULL, NULL), (NULL, 0, '', '', '')",
        "CREATE TABLE `in exact` (`f 1` FLOAT, s TEXT CHARACTER SET sjis)",
        "INSERT INTO `in exact` VALUES (123456.789, 'c:'), (1, _sjis 0x5C), (NULL, NULL)",
        "CREATE TABLE no_rows (f FLOAT, s TEXT CHARACTER SET sjis)",
      );
      expect((await takeDump(open(name))).summary.warnings).toEqual([
        expect.stringMatching(/^FLOAT values .*: in exact\.f 1; make/),
        expect.stringMatching(/^characters are lost .* utf8mb4: in exact\.s; set/),
      ]);
      const asLatin1 = await takeDump(open(name, { character_set: "latin1" }));
      expect(asLatin1.summary.warnings[1]).toContain("through latin1: exact.u");
    },
    limitMs,
  );
}

function dropLater({ server }: Bench, name: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      await server.run(undefined, `DROP DATABASE IF EXISTS ${quoteName(name)}`);
    },
  };
}
