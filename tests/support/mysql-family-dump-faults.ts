// What must go wrong in the right way while dumping, with both MariaDB and MySQL.

import { afterAll, expect, type test as bunTest } from "bun:test";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type ErrorCode } from "../../src/domain/error.ts";
import { quoteName } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import { collect, expectCode, takeDump } from "../../src/ports/source.contract.ts";
import { restore, type Bench } from "./mysql-family-objects.ts";
import { backupUser, canary, smallSample } from "./mysql-family-sample.ts";
import { createUser, loginAs } from "./mysql-family-server.ts";
import { scanProcesses } from "./scan-processes.ts";

const never = new AbortController().signal;
export const bigTable = (table: string): readonly string[] => [
  `CREATE TABLE ${table} (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT)`,
  `INSERT INTO ${table} (t) VALUES (REPEAT('x', 4000)), (REPEAT('y', 4000))`,
  ...Array.from({ length: 11 }, () => `INSERT INTO ${table} (t) SELECT t FROM ${table}`),
];

const fakeDirs = new Set<string>();

/** A dump program that runs the real one through a line of shell; `$real` is its path. */
async function fakeTool(bench: Bench, name: string, script: string, version?: string): Promise<string> {
  const { flavour, tools } = bench.server;
  const program = flavour.dumpPrograms[0]!;
  const real = tools.mysqlBinDir === undefined ? Bun.which(program)! : join(tools.mysqlBinDir, program);
  const dir = join(bench.tmpDir, "..", `bk-fake-${process.pid}-${name}`);
  await mkdir(dir, { recursive: true });
  fakeDirs.add(dir);
  const tell = version === undefined ? `exec ${real} --version` : `echo '${program}  ${version}'; exit`;
  await writeFile(
    join(dir, program),
    `#!/bin/bash\nreal=${real}\nif [ "$1" = --version ]; then ${tell}; fi\n${script}\n`,
  );
  await chmod(join(dir, program), 0o755);
  return dir;
}

export function describeDumpFaults(label: string, bench: () => Bench, test: typeof bunTest): void {
  const limitMs = 60_000;

  afterAll(async () => {
    for (const dir of fakeDirs) await rm(dir, { recursive: true, force: true });
    fakeDirs.clear();
  });

  function openWith(database: string, mysqlBinDir: string) {
    const { server, tmpDir, logged } = bench();
    const context = { tmpDir, tools: { mysqlBinDir }, log: (_: string, message: string) => void logged.push(message) };
    return openSource(server.flavour, loginAs(server, backupUser, canary, database), context);
  }

  async function expectFault(name: string, script: string, code: ErrorCode): Promise<AppError> {
    const database = await bench().newDatabase(...smallSample);
    const dir = await fakeTool(bench(), name, script);
    const error = await expectCode(takeDump(openWith(database, dir)), code);
    expect(await readdir(bench().tmpDir)).toEqual([]);
    return error;
  }

  test(
    `${label}: a dump that exits with an error at any byte is an error`,
    async () => {
      for (const bytes of [0, 1, 500, 5_000, 300_000]) {
        const error = await expectFault(
          `exit-${bytes}`,
          `"$real" "$@" | head -c ${bytes}; echo 'mysqldump: Got errno 28 on write' >&2; exit 5`,
          "source_failed",
        );
        expect(error.message).toContain("exit code 5");
      }
      await expectFault("exit-after-all", `"$real" "$@"; exit 2`, "source_failed");
    },
    limitMs,
  );

  test(
    `${label}: a dump that is killed with a clean end of its stream is an error that may be tried again`,
    async () => {
      const error = await expectFault("kill", `"$real" "$@" | head -c 9000; kill -9 $$`, "source_failed");
      expect(error.message).toContain("SIGKILL");
      expect(error.retryable).toBe(true);
    },
    limitMs,
  );

  test(
    `${label}: a dump without its end mark or without a byte is an error`,
    async () => {
      await expectFault("cut", `"$real" "$@" | head -c -30; exit 0`, "source_failed");
      await expectFault("half", `"$real" "$@" | head -c 100000; exit 0`, "source_failed");
      await expectFault("empty", "exit 0", "source_failed");
      await expectFault("trailing", `"$real" "$@"; echo garbage; exit 0`, "source_failed");
    },
    limitMs,
  );

  test(
    `${label}: a flood on stderr fills neither memory nor log and does not stop the dump`,
    async () => {
      const { newDatabase, logged } = bench();
      const database = await newDatabase(...smallSample);
      const dir = await fakeTool(
        bench(),
        "flood",
        `yes 'Warning: this is one of many lines' | head -n 300000 >&2; exec "$real" "$@"`,
      );
      const before = logged.length;
      const taken = await takeDump(openWith(database, dir));
      expect(taken.summary.warnings.length).toBeLessThan(120);
      expect(logged.length - before).toBeLessThan(2_000);
      logged.length = before;
    },
    limitMs,
  );

  test(
    `${label}: a dump that hangs ends within seconds when aborted`,
    async () => {
      const database = await bench().newDatabase(...smallSample);
      const dir = await fakeTool(bench(), "hang", `"$real" "$@" | head -c 2000; sleep 600`);
      const reason = new AppError("stalled", "no byte moved");
      await using dump = await openWith(database, dir).dump({ rowCounts: "exact", signal: abortAfter(1_000, reason) });
      const started = performance.now();
      for await (const part of dump.parts()) await expect(collect(part.stream)).rejects.toBe(reason);
      expect(performance.now() - started).toBeLessThan(5_000);
    },
    limitMs,
  );

  test(
    `${label}: a program that is older than the server is refused before it starts, with both versions`,
    async () => {
      const database = await bench().newDatabase();
      const version =
        bench().server.flavour.type === "mariadb" ? "Ver 10.11 Distrib 10.3.39-MariaDB" : "Ver 5.7.44 for Linux";
      const dir = await fakeTool(bench(), "old", "exit 0", version);
      const { server, tmpDir } = bench();
      const flavour = { ...server.flavour, places: [] };
      const path = process.env["PATH"];
      process.env["PATH"] = "/nonexistent";
      try {
        const source = openSource(flavour, loginAs(server, backupUser, canary, database), {
          tmpDir,
          tools: { mysqlBinDir: dir },
          log() {},
        });
        const error = await expectCode(source.probe(never), "tool_missing");
        expect(error.message).toContain(server.version);
        expect(error.message).toMatch(/10\.3\.39|5\.7\.44/);
      } finally {
        process.env["PATH"] = path;
      }
    },
    limitMs,
  );

  /** Stops reading after the first bytes, does something to the server, and reads on. */
  async function dumpWhile(database: string, meanwhile: () => Promise<unknown>): Promise<unknown> {
    await using dump = await bench().open(database).dump({ rowCounts: "exact", signal: never });
    let isFirst = true;
    for await (const part of dump.parts()) {
      for await (const _ of part.stream) {
        if (isFirst) await meanwhile();
        isFirst = false;
      }
    }
    return await dump.summary();
  }

  test(
    `${label}: a table that is altered while it waits to be dumped is a named error that may be tried again`,
    async () => {
      const { server, newDatabase } = bench();
      const database = await newDatabase(...bigTable("a"), "CREATE TABLE z (a INT)", "INSERT INTO z VALUES (1)");
      const error = await expectCode(
        dumpWhile(database, () => server.run(database, "ALTER TABLE z ADD COLUMN b INT DEFAULT 7, ADD INDEX (b)")),
        "source_failed",
      );
      expect(error.details["errno"]).toBe(1412);
      expect(error.retryable).toBe(true);
    },
    limitMs,
  );

  test(
    `${label}: a table that is dropped meanwhile is a named error that may be tried again`,
    async () => {
      const { server, newDatabase } = bench();
      const database = await newDatabase(...bigTable("a"), "CREATE TABLE z (a INT)");
      const error = await expectCode(
        dumpWhile(database, () => server.run(database, "DROP TABLE z")),
        "source_failed",
      );
      expect(error.retryable).toBe(true);
    },
    limitMs,
  );

  test(
    `${label}: a connection that is killed under the dump is a named error that may be tried again`,
    async () => {
      const { server, newDatabase } = bench();
      const database = await newDatabase(...bigTable("a"), ...bigTable("b"));
      const kill = async () => {
        const sessions = await server.run(
          undefined,
          `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = '${database}' AND COMMAND <> 'Sleep'`,
        );
        for (const { id } of sessions) await server.run(undefined, `KILL ${String(id)}`);
      };
      const error = await expectCode(dumpWhile(database, kill), "source_unreachable");
      expect(error.retryable).toBe(true);
    },
    limitMs,
  );

  test(
    `${label}: rows that are written while the dump runs are not in it, and are not counted`,
    async () => {
      const { server, newDatabase } = bench();
      const database = await newDatabase(...bigTable("a"), "CREATE TABLE z (a INT)", "INSERT INTO z VALUES (1)");
      const summary = await dumpWhile(database, () =>
        server.run(database, "INSERT INTO z VALUES (2), (3)", "DELETE FROM a"),
      );
      expect(summary).toMatchObject({
        rowCounts: {
          tables: [
            { table: "a", rows: 4_096 },
            { table: "z", rows: 1 },
          ],
        },
      });
    },
    limitMs,
  );

  test(
    `${label}: an invalid view is an error that names it`,
    async () => {
      const { newDatabase, open } = bench();
      const database = await newDatabase(
        "CREATE TABLE t (a INT)",
        "CREATE VIEW broken AS SELECT a FROM t",
        "DROP TABLE t",
      );
      const error = await expectCode(takeDump(open(database)), "source_failed");
      expect(error.message).toContain("broken");
      expect(error.hint).toContain("exclude_tables");
      await takeDump(open(database, { exclude_tables: ["broken"] }));
    },
    limitMs,
  );

  test(
    `${label}: a database that does not exist is named`,
    async () => {
      const error = await expectCode(bench().open("no such database").probe(never), "source_failed");
      expect(error.message).toContain('"no such database"');
      expect(error.retryable).toBe(false);
    },
    limitMs,
  );

  test(
    `${label}: the password is in no argument and no environment while programs run`,
    async () => {
      const { server, rich, open, newName, newDatabase } = bench();
      const scan = scanProcesses(canary);
      const taken = await takeDump(open(rich));
      const database = await newDatabase(...bigTable("a"));
      await dumpWhile(database, () => Bun.sleep(50));
      await restore(open(rich), taken, newName(), "create");
      await restore(open(rich), taken, database, "drop");
      expect(scan.stop()).toEqual([]);
      expect(scan.programs.has(server.flavour.dumpPrograms[0]!)).toBe(true);
      expect(scan.programs.has(server.flavour.clientPrograms[0]!)).toBe(true);
    },
    limitMs,
  );

  test(
    `${label}: any password logs in, also through the option file`,
    async () => {
      const { server, newDatabase } = bench();
      const database = await newDatabase(...smallSample.slice(0, 1));
      const passwords = [
        "#",
        "a#b",
        '"',
        "'",
        "\\",
        "a\\nb",
        "\\s",
        " lead and trail ",
        "a\nb",
        "tab\t\r",
        "[client]",
        "%!;=`$(x)",
        "'\"'",
        "ü💥",
        '"quoted"',
        "'quoted'",
      ];
      for (const [index, password] of passwords.entries()) {
        const user = `pw ${label} ${index}`;
        await createUser(server, user, password, "ALL PRIVILEGES ON *.*");
        const context = { tmpDir: bench().tmpDir, tools: server.tools, log() {} };
        const taken = await takeDump(openSource(server.flavour, loginAs(server, user, password, database), context));
        expect(taken.parts[0]!.bytes.length).toBeGreaterThan(500);
        await server.run(undefined, `DROP USER ${quoteName(user)}@'%'`);
      }
    },
    limitMs,
  );

  test(
    `${label}: missing privileges are warned of with what would be lost`,
    async () => {
      const { server, newDatabase, tmpDir } = bench();
      const database = await newDatabase(...smallSample);
      await createUser(server, "poor", "secret", `SELECT, LOCK TABLES, SHOW VIEW ON ${quoteName(database)}.*`);
      const source = openSource(server.flavour, loginAs(server, "poor", "secret", database), {
        tmpDir,
        tools: server.tools,
        log() {},
      });
      const warnings = (await source.probe(never)).warnings.join("\n");
      expect(warnings).toContain("lacks TRIGGER");
      expect(warnings).toContain("lacks EVENT");
      expect(warnings).not.toContain("lacks SELECT");
      expect(warnings).toContain("routines");
      await server.run(undefined, "DROP USER poor@'%'");
    },
    limitMs,
  );

  test(
    `${label}: tables without transactions are warned of, and locked when asked`,
    async () => {
      const { newDatabase, open } = bench();
      const database = await newDatabase(
        "CREATE TABLE plain_old (a INT) ENGINE = MyISAM",
        "INSERT INTO plain_old VALUES (1), (2)",
      );
      expect((await open(database).probe(never)).warnings.join()).toContain('"plain_old" (MYISAM)');
      const locked = open(database, { lock_tables: true });
      expect((await locked.probe(never)).warnings.join()).not.toContain("plain_old");
      expect((await takeDump(locked)).summary.rowCounts!.tables).toEqual([{ schema: "", table: "plain_old", rows: 2 }]);
    },
    limitMs,
  );
}

export function abortAfter(ms: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), ms);
  return controller.signal;
}
