// MariaDB keeps the promises of every source.

import { afterAll, beforeAll } from "bun:test";
import { describeSourceContract } from "../../src/ports/source.contract.ts";
import { startMariadbServer } from "../support/mariadb-server.ts";
import { backupUser, canary, prepareSample } from "../support/mysql-family-sample.ts";
import { createUser, type FamilyServer } from "../support/mysql-family-server.ts";
import { needs } from "../support/requirement.ts";

let server: FamilyServer;

beforeAll(async () => {
  server = await startMariadbServer();
  await createUser(server, backupUser, canary, "ALL PRIVILEGES ON *.*");
}, 90_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describeSourceContract("MariaDB", () => prepareSample(server), {
  rowCounts: true,
  modes: ["create", "clean", "drop", "append"],
  drills: ["project", "throwaway"],
  test: needs("mariadbd", "mariadb", "mariadb-dump"),
});
