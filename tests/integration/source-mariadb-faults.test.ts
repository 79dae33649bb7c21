// Faults of servers and programs, and hostile dumps, are errors that name what happened.

import { afterAll, beforeAll } from "bun:test";
import { startMariadbServer } from "../support/mariadb-server.ts";
import { describeFamilyFaults } from "../support/mysql-family-faults.ts";
import { openBench, type Bench } from "../support/mysql-family-objects.ts";
import { backupUser, canary } from "../support/mysql-family-sample.ts";
import { createUser, type FamilyServer } from "../support/mysql-family-server.ts";
import { needs } from "../support/requirement.ts";

let server: FamilyServer;
let bench: Bench;

beforeAll(async () => {
  server = await startMariadbServer("--event-scheduler=ON");
  await createUser(server, backupUser, canary, "ALL PRIVILEGES ON *.*");
  bench = await openBench(server);
}, 90_000);
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describeFamilyFaults("MariaDB", () => bench, needs("mariadbd", "mariadb", "mariadb-dump"));
