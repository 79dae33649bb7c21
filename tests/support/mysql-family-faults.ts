// What must go wrong in the right way, with both MariaDB and MySQL.

import { expect, type test as bunTest } from "bun:test";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError, type ErrorCode } from "../../src/domain/error.ts";
import { quoteName } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import {
  collect,
  expectCode,
  plainRestore,
  restoreParts,
  streamOf,
  takeDump,
} from "../../src/ports/source.contract.ts";
import { describeDatabase } from "./describe-mysql.ts";
import { restore, type Bench } from "./mysql-family-objects.ts";
import { backupUser, canary, smallSample } from "./mysql-family-sample.ts";
import { createUser, loginAs } from "./mysql-family-server.ts";
import { scanProcesses } from "./scan-processes.ts";

const never = new AbortController().signal;
const big = (table: string): readonly string[] => [
  `CREATE TABLE ${table} (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT)`,
  `INSERT INTO ${table} (t) VALUES (REPEAT('x', 4000)), (REPEAT('y', 4000))`,
  ...Array.from({ length: 11 }, () => `INSERT INTO ${table} (t) SELECT t FROM ${table}`),
];

/** A dump program that runs the real one through a line of shell; `$real` is its path. */
async function fakeTool(bench: Bench, name: string, script: string, version?: string): Promise<string> {
  const { flavour, tools } = bench.server;
  const program = flavour.dumpPrograms[0]!;
  const real = tools.mysqlBinDir === undefined ? Bun.which(program)! : join(tools.mysqlBinDir, program);
  const dir = join(bench.tmpDir, "..", `bk-fake-${process.pid}-${name}`);
  await mkdir(dir, { recursive: true });
  const tell = version === undefined ? `exec ${real} --version` : `echo '${program}  ${version}'; exit`;
  await writeFile(
    join(dir, program),
    `#!/bin/bash\nreal=${real}\nif [ "$1" = --version ]; then ${tell}; fi\n${script}\n`,
  );
  await chmod(join(dir, program), 0o755);
  return dir;
}

export function describeFamilyFaults(label: string, bench: () => Bench, test: typeof bunTest): void {
  const limitMs = 60_000;

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
      const database = await newDatabase(...big("a"), "CREATE TABLE z (a INT)", "INSERT INTO z VALUES (1)");
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
      const database = await newDatabase(...big("a"), "CREATE TABLE z (a INT)");
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
      const database = await newDatabase(...big("a"), ...big("b"));
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
      const database = await newDatabase(...big("a"), "CREATE TABLE z (a INT)", "INSERT INTO z VALUES (1)");
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
      const database = await newDatabase(...big("a"));
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

  test(
    `${label}: a restore that is aborted half-way leaves the original as it was`,
    async () => {
      const { server, open, newDatabase } = bench();
      const from = await newDatabase(...big("a"), ...big("b"));
      const taken = await takeDump(open(from));
      const to = await newDatabase(...smallSample);
      const before = await describeDatabase(server, to);
      const reason = new AppError("cancelled", "enough");
      const aborted = (async () => {
        const signal = abortAfter(600, reason);
        await using target = await open(from).openTarget({
          database: to,
          mode: "drop",
          stopConnections: false,
          signal,
        });
        for (const part of restoreParts(taken)) {
          const slow = (async function* () {
            for await (const chunk of streamOf(taken.parts[0]!.bytes, 400_000)) {
              yield chunk;
              await Bun.sleep(20);
            }
          })();
          await target.restore({ ...part, stream: slow }, plainRestore, signal);
        }
      })();
      await expect(aborted).rejects.toBe(reason);
      expect(await describeDatabase(server, to)).toBe(before);
      expect((await server.listDatabases()).filter((name) => name.includes("_restore_"))).toEqual([]);
    },
    limitMs,
  );

  test(
    `${label}: a swap that fails in the middle is undone, with triggers, views and routines`,
    async () => {
      const { server, open, newDatabase, tmpDir } = bench();
      const from = await newDatabase(...smallSample, "CREATE PROCEDURE fresh() SELECT 1");
      const taken = await takeDump(open(from));
      const to = await newDatabase(
        "CREATE TABLE plain (a INT)",
        "INSERT INTO plain VALUES (1)",
        "CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW SET NEW.a = 2",
        "CREATE VIEW a_view AS SELECT a FROM plain",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM plain",
      );
      const before = await describeDatabase(server, to);
      // May do everything, but create a routine only outside the target: found out after the tables were moved.
      const all =
        "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, LOCK TABLES, CREATE VIEW, SHOW VIEW, EVENT, TRIGGER";
      const pattern = to.replaceAll("_", "\\_");
      await createUser(
        server,
        "half",
        "secret",
        `${all} ON \`${pattern}\`.*`,
        `${all}, CREATE ROUTINE, ALTER ROUTINE, EXECUTE ON \`${pattern}\\_%\`.*`,
      );
      await server.run(
        undefined,
        `GRANT ${server.flavour.type === "mariadb" ? "SET USER" : "SET_ANY_DEFINER"} ON *.* TO half@'%'`,
      );
      if (server.flavour.type === "mysql")
        await server.run(undefined, "GRANT ALLOW_NONEXISTENT_DEFINER, SYSTEM_USER ON *.* TO half@'%'");
      const readRoutines = server.flavour.type === "mariadb" ? "SELECT ON mysql.proc" : "SHOW_ROUTINE ON *.*";
      await server.run(undefined, `GRANT ${readRoutines} TO half@'%'`);
      const source = openSource(server.flavour, loginAs(server, "half", "secret", to), {
        tmpDir,
        tools: server.tools,
        log() {},
      });
      const error = await restore(source, taken, to, "drop").then(
        () => undefined,
        (reason: unknown) => reason as AppError,
      );
      expect(error?.code).toBe("restore_failed");
      expect([1044, 1370]).toContain(error?.details["errno"] as number);
      expect(await describeDatabase(server, to)).toBe(before);
      expect((await server.listDatabases()).filter((name) => /_(restore|old)_/.test(name))).toEqual([]);
      await server.run(undefined, "DROP USER half@'%'");
    },
    limitMs,
  );

  test(
    `${label}: a database that others point to is not replaced`,
    async () => {
      const { server, open, newDatabase } = bench();
      const to = await newDatabase("CREATE TABLE p (id INT PRIMARY KEY)");
      const other = await newDatabase(`CREATE TABLE c (p INT, FOREIGN KEY (p) REFERENCES ${quoteName(to)}.p (id))`);
      const error = await expectCode(
        open(to).openTarget({ database: to, mode: "drop", stopConnections: false, signal: never }),
        "restore_failed",
      );
      expect(error.message).toContain(`"${other}"."c"`);
      await server.run(other, "DROP TABLE c");
    },
    limitMs,
  );

  test(
    `${label}: commands of the client inside a dump from outside do not run`,
    async () => {
      const { open, newName, newDatabase, server, tmpDir } = bench();
      const mark = join(tmpDir, "..", `bk-pwned-${process.pid}-${label}`);
      await newDatabase();
      for (const line of [
        `\\! touch ${mark}`,
        `system touch ${mark}`,
        `SELECT 1 \\! touch ${mark}\n;`,
        `\\T ${mark}`,
        `tee ${mark}`,
        `source ${mark}`,
        `\\. ${mark}`,
        `SELECT '${mark}' INTO OUTFILE '${mark}';`,
        `pager touch ${mark}`,
      ]) {
        const sql = `CREATE TABLE t (a INT);\n${line}\nINSERT INTO t VALUES (1);\n`;
        await using target = await open("mysql").openTarget({
          database: newName(),
          mode: "create",
          stopConnections: false,
          signal: never,
        });
        const part = { format: "sql", facts: {}, stream: streamOf(Buffer.from(sql)) };
        await expect(target.restore(part, plainRestore, never)).rejects.toBeInstanceOf(AppError);
        expect(existsSync(mark)).toBe(false);
      }
      const local = `CREATE TABLE t (a TEXT);\nLOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n`;
      await using target = await open("mysql").openTarget({
        database: newName(),
        mode: "create",
        stopConnections: false,
        signal: never,
      });
      await expect(
        target.restore({ format: "sql", facts: {}, stream: streamOf(Buffer.from(local)) }, plainRestore, never),
      ).rejects.toBeInstanceOf(AppError);
      expect(server.port).toBeGreaterThan(0);
    },
    limitMs,
  );

  test(
    `${label}: a dump from outside goes into the target, whatever database it names`,
    async () => {
      const { open, newName, newDatabase, server } = bench();
      const victim = await newDatabase("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (9)");
      const text = `CREATE DATABASE /*!32312 IF NOT EXISTS*/ ${quoteName(victim)};\nUSE ${quoteName(victim)};\nDROP TABLE IF EXISTS t;\nCREATE TABLE t (a INT);\nINSERT INTO t VALUES (1),(2);\n`;
      const into = async (sql: string) => {
        const name = newName();
        await using target = await open("mysql").openTarget({
          database: name,
          mode: "create",
          stopConnections: false,
          signal: never,
        });
        await target.restore({ format: "sql", facts: {}, stream: streamOf(Buffer.from(sql)) }, plainRestore, never);
        await target.commit();
        return await server.run(name, "SELECT a FROM t");
      };
      expect(await into(text)).toEqual([{ a: 1 }, { a: 2 }]);
      expect(await server.run(victim, "SELECT a FROM t")).toEqual([{ a: 9 }]);
      await expectCode(into(`${text}USE other;\nCREATE TABLE u (a INT);\n`), "unsupported");
      await expectCode(into(`-- MySQL dump 10.13\n${text}`), "backup_corrupt");
    },
    limitMs,
  );

  test(
    `${label}: events do not run during a drill, nor before a restore is committed`,
    async () => {
      const { open, newName, newDatabase, server } = bench();
      const victim = await newDatabase("CREATE TABLE ran (at DATETIME(6))");
      const from = await newDatabase(
        "CREATE TABLE t (a INT)",
        "CREATE EVENT often ON SCHEDULE EVERY 1 SECOND DISABLE DO SELECT 1",
      );
      const taken = await takeDump(open(from));
      const sql = Buffer.from(taken.parts[0]!.bytes)
        .toString()
        .replace(
          "NOT PRESERVE DISABLE DO SELECT 1",
          `NOT PRESERVE ENABLE DO INSERT INTO ${quoteName(victim)}.ran VALUES (NOW(6))`,
        );
      expect(sql).toContain("ENABLE DO INSERT");
      const part = () => ({ format: "sql", facts: taken.summary.facts, stream: streamOf(Buffer.from(sql)) });
      const ran = async () => Number((await server.run(victim, "SELECT COUNT(*) AS n FROM ran"))[0]!["n"]);
      {
        await using drill = await open(from).openDrill({ on: "project", signal: never });
        await drill.restore(part(), plainRestore, never);
        await Bun.sleep(2_200);
        await drill.commit();
      }
      expect(await ran()).toBe(0);
      const name = newName();
      await using target = await open(from).openTarget({
        database: name,
        mode: "create",
        stopConnections: false,
        signal: never,
      });
      await target.restore(part(), plainRestore, never);
      await Bun.sleep(1_500);
      expect(await ran()).toBe(0);
      await target.commit();
      await Bun.sleep(2_500);
      expect(await ran()).toBeGreaterThan(0);
      await server.run(undefined, `DROP DATABASE ${quoteName(name)}`);
    },
    limitMs,
  );

  test(
    `${label}: a definer that may not be set is an error that points to --no-owner`,
    async () => {
      const { server, open, newDatabase, tmpDir } = bench();
      const from = await newDatabase("CREATE TABLE t (a INT)", "CREATE VIEW v AS SELECT a FROM t");
      const taken = await takeDump(open(from));
      await createUser(
        server,
        "plain",
        "secret",
        "SELECT, INSERT, CREATE, DROP, ALTER, LOCK TABLES, CREATE VIEW, SHOW VIEW, INDEX, REFERENCES ON `plain\\_%`.*",
      );
      const source = openSource(server.flavour, loginAs(server, "plain", "secret", from), {
        tmpDir,
        tools: server.tools,
        log() {},
      });
      const error = await expectCode(restore(source, taken, "plain_1", "create"), "restore_failed");
      expect(error.hint).toContain("--no-owner");
      await restore(source, taken, "plain_1", "create", { noOwner: true });
      await server.run(undefined, "DROP DATABASE plain_1", "DROP USER plain@'%'");
    },
    limitMs,
  );
}

function abortAfter(ms: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), ms);
  return controller.signal;
}
