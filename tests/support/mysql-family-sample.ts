// The sample of the source contract for a server of the MySQL family.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MysqlFamilyConfig } from "../../src/adapters/source/shared-mysql/connection-config.ts";
import { quoteName } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import type { SourceSample } from "../../src/ports/source.contract.ts";
import { describeDatabase } from "./describe-mysql.ts";
import { createTestDatabase, loginAs, type FamilyServer } from "./mysql-family-server.ts";
import { freePort } from "./postgres-server.ts";

export const canary = "canary#pa\\ss'w\"örd; =";
export const backupUser = "backup user";
let count = 0;

export const smallSample: readonly string[] = [
  "CREATE TABLE plain (id INT PRIMARY KEY, text TEXT, bytes VARBINARY(64))",
  "CREATE TABLE digits (d INT)",
  "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
  "INSERT INTO plain SELECT a.d * 1000 + b.d * 100 + c.d * 10 + d.d, REPEAT(SHA2(a.d * 1000 + b.d * 100 + c.d * 10 + d.d, 256), 20), UNHEX(SHA2(b.d, 256)) FROM digits AS a, digits AS b, digits AS c, digits AS d",
  "INSERT INTO plain VALUES (-1, '', ''), (-2, NULL, NULL), (-3, '\\\\.\\nü\\t''\\\"(),;-- 💥', 0x00FF275C)",
  "CREATE TABLE `--drop ``ü`` $(id); '` (n INT)",
  "INSERT INTO `--drop ``ü`` $(id); '` VALUES (1), (2)",
  "CREATE TABLE `empty` (a INT)",
  "CREATE VIEW a_view AS SELECT z.id FROM plain AS z",
  "CREATE TRIGGER seen BEFORE INSERT ON plain FOR EACH ROW SET NEW.text = COALESCE(NEW.text, ';')",
];

export async function prepareSample(
  server: FamilyServer,
  options: Partial<MysqlFamilyConfig["options"]> = {},
): Promise<SourceSample> {
  const place = `sample ${++count} \`ü\` $(x)`;
  await createTestDatabase(server, place, ...smallSample);
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-source-"));
  const places: string[] = [];
  const before = new Set(await server.listDatabases());
  const logged: string[] = [];
  const context = { tmpDir, tools: server.tools, log: (_: string, message: string) => void logged.push(message) };
  const login = loginAs(server, backupUser, canary, place);
  const config = { ...login, options: { ...login.options, ...options } };
  return {
    source: openSource(server.flavour, config, context),
    tmpDir,
    place,
    canary,
    logged,
    newPlace() {
      const name = `target ${++count}`;
      places.push(name);
      return name;
    },
    describePlace: (name) => describeDatabase(server, name),
    fillPlace: (name) =>
      createTestDatabase(
        server,
        name,
        "CREATE TABLE other (a INT)",
        "INSERT INTO other VALUES (7)",
        "CREATE TRIGGER before_other BEFORE INSERT ON other FOR EACH ROW SET NEW.a = 8",
        "CREATE VIEW plain AS SELECT a FROM other",
        "CREATE PROCEDURE p() SELECT 'old'",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM other",
      ),
    async listLeftovers() {
      const after = await server.listDatabases();
      return after.filter((name) => !before.has(name) && !places.includes(name));
    },
    openWithBadCredentials: () => openSource(server.flavour, { ...config, password: "wrong" }, context),
    openUnreachable: () => openSource(server.flavour, { ...config, port: freePort() }, context),
    async [Symbol.asyncDispose]() {
      for (const name of [place, ...places]) await server.run(undefined, `DROP DATABASE IF EXISTS ${quoteName(name)}`);
      await rm(tmpDir, { recursive: true, force: true });
    },
  };
}
