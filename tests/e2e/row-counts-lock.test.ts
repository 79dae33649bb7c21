// `row_counts: lock` while others write: the counts are those of the dump, and the writers go on before the dump has ended.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../../src/domain/backup/manifest.ts";
import { connect } from "../../src/adapters/source/shared-mysql/connection.ts";
import { binaryPath } from "../support/binary.ts";
import { startMariadbServer } from "../support/mariadb-server.ts";
import { createTestDatabase, createUser, type FamilyServer } from "../support/mysql-family-server.ts";
import { startMysqlServer } from "../support/mysql-server.ts";
import { needs } from "../support/requirement.ts";
import { findToolDirectory, toolPath } from "../support/tools.ts";
import { openTestWorld, type BackupsJson, type RunsJson } from "../support/world.ts";

const password = "canary-writer-password";
const doublings = 17;
const tables = ["orders", "events"] as const;

const fill = tables.flatMap((table) => [
  `CREATE TABLE ${table} (id BIGINT AUTO_INCREMENT PRIMARY KEY, pad VARCHAR(400) NOT NULL) ENGINE=InnoDB`,
  `INSERT INTO ${table} (pad) VALUES (REPEAT('0123456789abcdef', 20))`,
  ...Array.from({ length: doublings }, () => `INSERT INTO ${table} (pad) SELECT pad FROM ${table}`),
]);

interface Writers extends AsyncDisposable {
  /** When each insert was confirmed, epoch ms. */
  readonly commits: readonly number[];
}

function startWriters(server: FamilyServer): Writers {
  const commits: number[] = [];
  const stop = new AbortController();
  const loops = tables.map(async (table) => {
    await using connection = await connect(server.admin, { database: "busy", signal: AbortSignal.timeout(90_000) });
    while (!stop.signal.aborted) {
      await connection.query(`INSERT INTO ${table} (pad) VALUES ('new')`);
      commits.push(Date.now());
      await Bun.sleep(2);
    }
  });
  return {
    commits,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(loops);
    },
  };
}

for (const engine of ["mariadb", "mysql"] as const) {
  const test = engine === "mariadb" ? needs(binaryPath, "mariadbd") : needs(binaryPath, toolPath("mysqld"));
  const isThere =
    engine === "mariadb"
      ? Bun.which("mariadbd", { PATH: `${process.env["PATH"]!}:/usr/sbin` }) !== null
      : findToolDirectory("mysql") !== undefined;

  describe(`row_counts: lock on ${engine}`, () => {
    let server: FamilyServer;
    beforeAll(async () => {
      if (!isThere) return;
      server = await (engine === "mariadb" ? startMariadbServer() : startMysqlServer());
      await createUser(server, "keeper", password, "ALL PRIVILEGES ON *.*");
      await createTestDatabase(server, "busy", ...fill);
    }, 90_000);
    afterAll(async () => {
      if (isThere) await server[Symbol.asyncDispose]();
    }, 60_000);

    test("the counts are exact while others write, and they wait for less than the dump", async () => {
      const tools = server.tools.mysqlBinDir === undefined ? {} : { MYSQL_BIN_DIR: server.tools.mysqlBinDir };
      await using world = await openTestWorld({
        env: { DB_PASSWORD: password, ...tools },
        project: {
          database: {
            type: engine,
            host: "127.0.0.1",
            port: server.port,
            name: "busy",
            user: "keeper",
            password: "${DB_PASSWORD}",
          },
          assets: undefined,
          verification: { enabled: true, level: "restore", row_counts: "lock" },
        },
      });
      let commits: readonly number[];
      {
        await using writers = startWriters(server);
        await Bun.sleep(300);
        const { runs } = await world.json<RunsJson>("run", "shop");
        expect(runs[0]).toMatchObject({ status: "succeeded", partial: false, error: null });
        commits = writers.commits;
      }
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      // The drill counts what was restored, and compares.
      expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });

      const key = (await world.listObjects("disk")).find((name) => name.endsWith(".manifest.json"))!;
      const manifest = JSON.parse(await readFile(join(world.storagePath("disk"), key), "utf8")) as Manifest;
      const { rowCounts, consistencyPoint } = manifest.sources[0]!;
      expect(rowCounts).toMatchObject({ method: "lock" });
      for (const { rows } of rowCounts!.tables) expect(rows).toBeGreaterThan(2 ** doublings);

      const [lockedAt, endedAt] = [Date.parse(consistencyPoint!.at), Date.parse(manifest.finishedAt)];
      const during = commits.filter((at) => at > lockedAt - 100 && at < endedAt);
      const pauses = during.slice(1).map((at, index) => at - during[index]!);
      expect(Math.max(...pauses)).toBeLessThan((endedAt - lockedAt) / 2);
    }, 120_000);
  });
}
