// One server for the tests of a file, with the user and the sample that they share.

import { afterAll, beforeAll, type test as bunTest } from "bun:test";
import { openBench, type Bench } from "./mysql-family-objects.ts";
import { backupUser, canary } from "./mysql-family-sample.ts";
import { createUser, type FamilyServer } from "./mysql-family-server.ts";
import { startMariadbServer } from "./mariadb-server.ts";
import { startMysqlServer } from "./mysql-server.ts";
import { findProgram, needs } from "./requirement.ts";
import { toolPath } from "./tools.ts";

export interface FamilyFixture {
  readonly label: string;
  /** Skips by name where the server is not installed. */
  readonly test: typeof bunTest;
  server(): FamilyServer;
  bench(): Bench;
}

export function useMariadb(...args: string[]): FamilyFixture {
  return useServer("MariaDB", ["mariadbd", "mariadb", "mariadb-dump"], () => startMariadbServer(...args));
}

export function useMysql(...args: string[]): FamilyFixture {
  const programs = [toolPath("mysqld"), toolPath("mysql"), toolPath("mysqldump")];
  return useServer("MySQL", programs, () => startMysqlServer(...args));
}

function useServer(label: string, programs: readonly string[], start: () => Promise<FamilyServer>): FamilyFixture {
  let server: FamilyServer | undefined;
  let bench: Bench | undefined;
  const isMissing = programs.some((program) => findProgram(program) === undefined);
  beforeAll(async () => {
    if (isMissing && process.env["CI"] !== "true") return;
    server = await start();
    await createUser(server, backupUser, canary, "ALL PRIVILEGES ON *.*");
    bench = await openBench(server);
  }, 90_000);
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  return { label, test: needs(...programs), server: () => server!, bench: () => bench! };
}
