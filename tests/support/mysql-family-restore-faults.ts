// What must go wrong in the right way while restoring, with both MariaDB and MySQL; and hostile dumps.

import { expect, type test as bunTest } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../src/domain/error.ts";
import { quoteName } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import { expectCode, restoreParts, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { describeDatabase } from "./describe-mysql.ts";
import { abortAfter, bigTable } from "./mysql-family-dump-faults.ts";
import { restore, type Bench } from "./mysql-family-objects.ts";
import { backupUser, canary, smallSample } from "./mysql-family-sample.ts";
import { createUser, loginAs } from "./mysql-family-server.ts";
import { fullRestore } from "../../src/ports/source.ts";

const never = new AbortController().signal;

export function describeRestoreFaults(label: string, bench: () => Bench, test: typeof bunTest): void {
  const limitMs = 60_000;

  test(
    `${label}: a restore that is aborted half-way leaves the original as it was`,
    async () => {
      const { server, open, newDatabase } = bench();
      const from = await newDatabase(...bigTable("a"), ...bigTable("b"));
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
          await target.restore({ ...part, stream: slow }, fullRestore, signal);
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
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM plain",
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
        await expect(target.restore(part, fullRestore, never)).rejects.toBeInstanceOf(AppError);
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
        target.restore({ format: "sql", facts: {}, stream: streamOf(Buffer.from(local)) }, fullRestore, never),
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
        await target.restore({ format: "sql", facts: {}, stream: streamOf(Buffer.from(sql)) }, fullRestore, never);
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
        await drill.restore(part(), fullRestore, never);
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
      await target.restore(part(), fullRestore, never);
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

  test(
    `${label}: a definer that does not exist is warned of`,
    async () => {
      const { server, open, newDatabase, newName } = bench();
      await createUser(server, "gone", "secret", "ALL PRIVILEGES ON *.*");
      const from = await newDatabase("CREATE TABLE t (a INT)", "CREATE DEFINER = gone@'%' VIEW v AS SELECT a FROM t");
      const taken = await takeDump(open(from));
      await server.run(undefined, "RENAME USER gone@'%' TO renamed@'%'");
      const { warnings } = await restore(open(from), taken, newName(), "create");
      expect(warnings.join()).toContain("definer gone@% does not exist");
      expect((await restore(open(from), taken, newName(), "create", { noOwner: true })).warnings).toEqual([]);
      await server.run(undefined, "DROP USER renamed@'%'");
    },
    limitMs,
  );

  test(
    `${label}: an empty database, and one with a routine only, go there and back`,
    async () => {
      const { server, open, newDatabase, newName } = bench();
      for (const statements of [[], ["CREATE PROCEDURE p() SELECT 1"]]) {
        const from = await newDatabase(...statements);
        const taken = await takeDump(open(from));
        expect(taken.summary.rowCounts!.tables).toEqual([]);
        const name = newName();
        await restore(open(from), taken, name, "create");
        expect(await describeDatabase(server, name)).toBe(await describeDatabase(server, from));
        const filled = await newDatabase(...smallSample);
        await restore(open(from), taken, filled, "drop");
        expect(await describeDatabase(server, filled)).toBe(await describeDatabase(server, from));
      }
    },
    limitMs,
  );

  test(
    `${label}: a row that is larger than the server takes is an error that says what to raise`,
    async () => {
      const { server, open, newDatabase, newName } = bench();
      const from = await newDatabase("CREATE TABLE t (b LONGBLOB)", "INSERT INTO t VALUES (REPEAT(0x27, 3000000))");
      const taken = await takeDump(open(from));
      await server.run(undefined, "SET GLOBAL max_allowed_packet = 1048576");
      try {
        const error = await restore(open(from), taken, newName(), "create").then(
          () => undefined,
          (reason: unknown) => reason as AppError,
        );
        expect(error).toBeInstanceOf(AppError);
        expect(error!.hint).toContain("max_allowed_packet");
      } finally {
        await server.run(undefined, "SET GLOBAL max_allowed_packet = 1073741824");
      }
    },
    limitMs,
  );

  test(
    `${label}: a swap that is killed loses nothing of the original, wherever it was`,
    async () => {
      const { server, open, newDatabase, tmpDir } = bench();
      const from = await newDatabase(...smallSample, "CREATE PROCEDURE fresh() SELECT 1");
      const taken = await takeDump(open(from));
      const dump = join(tmpDir, "..", `bk-swap-${process.pid}.sql`);
      await Bun.write(dump, taken.parts[0]!.bytes);
      for (const afterMs of [0, 30, 60, 90, 130, 180]) {
        const to = await newDatabase(
          "CREATE TABLE plain (a INT)",
          "CREATE TABLE mine (a INT)",
          "INSERT INTO mine VALUES (1), (2), (3)",
          "CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW SET NEW.a = 2",
        );
        const job = {
          ...loginAs(server, backupUser, canary, to),
          dump,
          tools: server.tools,
          flavour: server.flavour.type,
          tmpDir,
        };
        const script = join(import.meta.dir, "swap-and-die.ts");
        const child = Bun.spawn([process.execPath, script], {
          stdin: Buffer.from(JSON.stringify(job)),
          stdout: "pipe",
          stderr: "pipe",
        });
        let said = "";
        for await (const chunk of child.stdout) {
          said += Buffer.from(chunk).toString();
          if (!said.includes("committing")) continue;
          await Bun.sleep(afterMs);
          child.kill(9);
        }
        await child.exited;
        const places = (await server.listDatabases()).filter((name) => name === to || name.startsWith(`${to}_old_`));
        const found = await Promise.all(
          places.map((name) => server.run(name, "SELECT COUNT(*) AS n FROM mine").catch(() => [])),
        );
        const originals = found.flat().filter((row) => Number(row["n"]) === 3).length;
        const counts = byName(
          await server.run(
            undefined,
            `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${to}'`,
          ),
        );
        // Either the original is there, or everything of the new one.
        if (originals === 0)
          expect(counts).toEqual(
            byName(
              await server.run(
                undefined,
                `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${from}'`,
              ),
            ),
          );
        else expect(originals).toBe(1);
        if (places.length === 2 && originals === 1 && !counts.includes("mine")) {
          const [saved] = await server.run(
            places.find((name) => name !== to),
            "SELECT sql_text AS s FROM backupctl_saved_programs ORDER BY part",
          );
          expect(String(saved!["s"])).toContain("BEFORE INSERT ON");
        }
        for (const name of (await server.listDatabases()).filter((one) => one.startsWith(`${to}_`)))
          await server.run(undefined, `DROP DATABASE ${quoteName(name)}`);
      }
      for (const name of await readdir(tmpDir)) await rm(join(tmpDir, name), { recursive: true });
      await rm(dump);
    },
    limitMs,
  );
}

const byName = (rows: readonly Record<string, unknown>[]) => rows.map((row) => String(row["name"])).toSorted();
