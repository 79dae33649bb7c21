// MariaDB and MySQL servers, backed up by the compiled program to a disk, a bucket and an SFTP server at once, restored in
// every way it offers, and opened by the stock client without it.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { describeDatabase } from "../support/describe-mysql.ts";
import { startMariadbServer } from "../support/mariadb-server.ts";
import { richStatements } from "../support/mysql-family-rich.ts";
import { smallSample } from "../support/mysql-family-sample.ts";
import { createTestDatabase, createUser, type FamilyServer } from "../support/mysql-family-server.ts";
import { startMysqlServer } from "../support/mysql-server.ts";
import { needs } from "../support/requirement.ts";
import { openThreeStorages, s3Secret, threeNames, type ThreeStorages } from "../support/three-storages.ts";
import { findToolDirectory, toolPath } from "../support/tools.ts";
import { canary, openTestWorld, type BackupsJson, type RunsJson, type World } from "../support/world.ts";

/** mariadb-dump itself cannot dump the programs of a database whose name holds a quote or a backslash. */
const odd = "shöp `db` $(x); --";
const password = "canary#pa\\ss'w\"örd; =";
const script = join(import.meta.dir, "../../scripts/decrypt-backup.mjs");

let storages: ThreeStorages;
beforeAll(async () => {
  storages = await openThreeStorages();
}, 60_000);
afterAll(() => storages[Symbol.asyncDispose](), 60_000);

for (const engine of ["mariadb", "mysql"] as const) {
  const test =
    engine === "mariadb"
      ? needs(binaryPath, "mariadbd", "mariadb", "node", "zstd")
      : needs(binaryPath, toolPath("mysqld"), "node", "zstd");
  const isThere =
    engine === "mariadb"
      ? Bun.which("mariadbd", { PATH: `${process.env["PATH"]!}:/usr/sbin` }) !== null
      : findToolDirectory("mysql") !== undefined;

  describe(`${engine} by the program`, () => {
    let server: FamilyServer;
    beforeAll(async () => {
      if (!isThere) return;
      server = await (engine === "mariadb" ? startMariadbServer() : startMysqlServer());
      await createUser(server, "backup user", password, "ALL PRIVILEGES ON *.*");
      await createTestDatabase(server, odd, ...richStatements(server));
      const programs = [
        "CREATE PROCEDURE p() SELECT 'a;b'",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM plain",
      ];
      await createTestDatabase(server, "small", ...smallSample, ...programs);
    }, 90_000);
    afterAll(async () => {
      if (isThere) await server[Symbol.asyncDispose]();
    }, 60_000);

    async function openWorld(
      options: Readonly<Record<string, unknown>> = {},
      project: Readonly<Record<string, unknown>> = {},
      name = odd,
    ): Promise<World> {
      const tools = server.tools.mysqlBinDir === undefined ? {} : { MYSQL_BIN_DIR: server.tools.mysqlBinDir };
      const world = await openTestWorld({ env: { DB_PASSWORD: password, S3_SECRET: s3Secret, ...tools } });
      const shop = {
        name: "shop",
        database: {
          type: engine,
          host: "127.0.0.1",
          port: server.port,
          name,
          user: "backup user",
          password: "${DB_PASSWORD}",
          options,
        },
        storage: threeNames,
        encryption: { enabled: true, type: "aes-256-gcm", password: "${TEST_PASSWORD}" },
        verification: { enabled: true, level: "structure" },
        ...project,
      };
      await world.configure({ file: { storage: storages.describe(world.dir), projects: [shop] } });
      return world;
    }

    async function expectNothingLeft(world: World): Promise<void> {
      expect(await readdir(join(world.env["BACKUP_BASE_DIR"]!, ".tmp")).catch(() => [])).toEqual([]);
      expect((await server.listDatabases()).filter((name) => /restore_|_old|drill/.test(name))).toEqual([]);
    }

    test("everything, to three storages at once and drilled, comes back from each", async () => {
      await using world = await openWorld({}, { verification: { enabled: true, level: "restore" } });
      const before = await describeDatabase(server, odd);
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs[0]).toMatchObject({ status: "succeeded", partial: false, error: null });
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups[0]!.storages).toEqual([...threeNames]);
      expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });
      for (const storage of threeNames) {
        const target = `back from $(x) ${storage}`;
        const outcome = await world.run("restore", "shop", "latest", "--into-database", target, "--storage", storage);
        expect(outcome).toMatchObject({ exitCode: 0 });
        expect(await describeDatabase(server, target)).toBe(before);
      }
      await expectNothingLeft(world);
    }, 120_000);

    test("the stock client loads what node and zstd have opened", async () => {
      await using world = await openWorld({}, { storage: ["disk"] }, "small");
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const key = (await world.listObjects("disk")).find((name) => name.endsWith(".sql.zst.enc"))!;
      await createTestDatabase(server, "stock");
      const bin = server.tools.mysqlBinDir === undefined ? "mariadb" : join(server.tools.mysqlBinDir, "mysql");
      const { socket } = server.admin.config;
      const line = `node ${script} --keep-compressed '${join(world.storagePath("disk"), key)}' - | zstd -d | ${bin} --no-defaults --default-character-set=utf8mb4 --binary-mode -S '${socket}' -u root stock`;
      const done = Bun.spawnSync(["bash", "-o", "pipefail", "-c", line], {
        env: { ...process.env, BACKUPCTL_PASSWORD: canary },
        stderr: "pipe",
      });
      expect({ status: done.exitCode, said: done.stderr.toString() }).toMatchObject({ status: 0 });
      expect(await describeDatabase(server, "stock")).toBe(await describeDatabase(server, "small"));
    }, 60_000);

    test("a filled database is refused, replaced after a safety backup, and one table can be fetched", async () => {
      await using world = await openWorld({}, { storage: ["disk"] });
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      await createTestDatabase(server, "filled", "CREATE TABLE precious (id INT)", "INSERT INTO precious VALUES (42)");
      const args = ["restore", "shop", "latest", "--into-database", "filled"];
      expect((await world.run(...args)).stderr).toContain("not empty");
      expect(await server.run("filled", "SELECT id FROM precious")).toEqual([{ id: 42 }]);
      expect(await world.run(...args, "--mode", "drop", "--yes", "--stop-connections")).toMatchObject({ exitCode: 0 });
      expect(await describeDatabase(server, "filled")).toBe(await describeDatabase(server, odd));
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      const safety = backups.find(({ type }) => type === "safety")!;
      expect(await world.run("restore", "shop", safety.id, "--into-database", "saved")).toMatchObject({ exitCode: 0 });
      expect(await server.run("saved", "SELECT id FROM precious")).toEqual([{ id: 42 }]);

      const table = "q`uote ' \" \\ -- /* ;";
      const one = await world.run("restore", "shop", "latest", "--into-database", "one", "--table", table);
      expect(one).toMatchObject({ exitCode: 0 });
      expect(await server.run("one", "SHOW TABLES")).toEqual([{ Tables_in_one: table }]);
      expect(await server.run("one", `SELECT COUNT(*) AS n FROM \`${table.replaceAll("`", "``")}\``)).toEqual([
        { n: 2 },
      ]);
      const schema = await world.run("restore", "shop", "latest", "--into-database", "bare", "--schema-only");
      expect(schema).toMatchObject({ exitCode: 0 });
      expect(await server.run("bare", "SELECT COUNT(*) AS n FROM all_types")).toEqual([{ n: 0 }]);
      await expectNothingLeft(world);
    }, 90_000);
  });
}
