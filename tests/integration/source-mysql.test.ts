// MySQL keeps the promises of every source.

import { afterAll, beforeAll } from "bun:test";
import { describeSourceContract } from "../../src/ports/source.contract.ts";
import { startMysqlServer } from "../support/mysql-server.ts";
import { backupUser, canary, prepareSample } from "../support/mysql-family-sample.ts";
import { createUser, type FamilyServer } from "../support/mysql-family-server.ts";
import { needs } from "../support/requirement.ts";
import { toolPath } from "../support/tools.ts";

let server: FamilyServer;

beforeAll(async () => {
  server = await startMysqlServer();
  await createUser(server, backupUser, canary, "ALL PRIVILEGES ON *.*");
}, 90_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describeSourceContract("MySQL", () => prepareSample(server), {
  rowCounts: true,
  modes: ["create", "clean", "drop", "append"],
  drills: ["project", "throwaway"],
  test: needs(toolPath("mysqld"), toolPath("mysql"), toolPath("mysqldump")),
});
