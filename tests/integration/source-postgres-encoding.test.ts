// Databases in another encoding or locale, and restores on another server version.

import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresOptions } from "../../src/adapters/source/postgres/config.ts";
import { createDatabase } from "../../src/adapters/source/postgres/create-database.ts";
import { open } from "../../src/adapters/source/postgres/index.ts";
import { connectMaintenance } from "../../src/adapters/source/postgres/maintenance.ts";
import { restoreParts, takeDump, type TakenDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreMode, type RestoreOptions, type Source } from "../../src/ports/source.ts";
import { describeDatabase } from "../support/describe-postgres.ts";
import { createTestDatabase, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { findToolDirectory, toolPath } from "../support/tools.ts";

const test = needs("pg_dump", "psql");
const never = new AbortController().signal;
let server: TestServer;
let tmpDir: string;

beforeAll(async () => {
  server = await startTestServer();
  tmpDir = await mkdtemp(join(tmpdir(), "bk-source-"));
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(tmpDir, { recursive: true });
}, 60_000);

function source(database: string, options: Partial<PostgresOptions> = {}, on = server, pgBinDir?: string): Source {
  const config = { ...on.admin, name: database, options: { ...PostgresOptions.parse({}), ...options } };
  return open(config, { tmpDir, tools: pgBinDir === undefined ? {} : { pgBinDir }, log: () => {} });
}

async function restore(
  into: Source,
  taken: TakenDump,
  place: string,
  options: Partial<RestoreOptions> = {},
  mode: RestoreMode = "create",
): Promise<void> {
  await using target = await into.openTarget({ database: place, mode, stopConnections: false, signal: never });
  for (const part of restoreParts(taken)) await target.restore(part, { ...fullRestore, ...options }, never);
  await target.commit();
}

test("a LATIN1 database comes back as LATIN1, and its names can be chosen from", async () => {
  await server.run("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
  await server.run(
    "latin",
    `CREATE TABLE "größe" ("ä" text)`,
    `INSERT INTO "größe" VALUES ('üß')`,
    `CREATE TABLE "café" (a int)`,
    "CREATE TABLE plain (a int)",
  );
  await restore(source("latin"), await takeDump(source("latin")), "latin_2");
  expect(await describeDatabase(server, "latin_2")).toBe(await describeDatabase(server, "latin"));
  const encoding = "SELECT pg_encoding_to_char(encoding) AS e FROM pg_database WHERE datname = current_database()";
  expect(await server.run("latin_2", encoding)).toEqual([{ e: "LATIN1" }]);

  const tables =
    "SELECT string_agg(relname, ',' ORDER BY relname) AS t FROM pg_class WHERE relnamespace = 'public'::regnamespace";
  await restore(source("latin"), await takeDump(source("latin")), "latin_3", { tables: ["größe"] });
  expect(await server.run("latin_3", tables)).toEqual([{ t: "größe" }]);
  await restore(source("latin"), await takeDump(source("latin", { exclude_tables: ["café"] })), "latin_4");
  expect(await server.run("latin_4", tables)).toEqual([{ t: "größe,plain" }]);
  await restore(source("latin"), await takeDump(source("latin")), "latin_2", {}, "clean");
  expect(await describeDatabase(server, "latin_2")).toBe(await describeDatabase(server, "latin"));
}, 30_000);

test("a locale that the server lacks is given up with a warning", async () => {
  await using connection = await connectMaintenance(server.admin, never);
  const facts = { encoding: "UTF8", collate: "xx_YY.UTF-8", ctype: "xx_YY.UTF-8" };
  const warnings = await createDatabase(connection, "elsewhere", facts);
  expect(warnings.join("\n")).toContain("xx_YY.UTF-8");
  expect(await server.listDatabases()).toContain("elsewhere");
});

test("an ICU database comes back with its locale", async () => {
  await server.run(
    "postgres",
    "CREATE DATABASE icu TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-kn-true' LOCALE 'C'",
  );
  await server.run("icu", "CREATE TABLE t AS SELECT 'x10' AS a");
  await restore(source("icu"), await takeDump(source("icu")), "icu_2");
  const locale =
    "SELECT datlocprovider AS p, to_jsonb(d) ->> 'daticulocale' AS l FROM pg_database AS d WHERE datname = current_database()";
  expect(await server.run("icu_2", locale)).toEqual(await server.run("icu", locale));
});

needs("pg_dump", "psql", toolPath("postgres-17"))(
  "a backup of an older server restores on a newer one, and one client serves both",
  async () => {
    const pgBinDir = findToolDirectory("postgresql-17")!;
    await using newer = await startTestServer({ binDir: pgBinDir });
    await createTestDatabase(
      server,
      "older",
      "CREATE TABLE t AS SELECT i FROM generate_series(1, 100) AS i",
      "SELECT lo_from_bytea(77, 'x')",
    );
    for (const clients of [undefined, pgBinDir]) {
      const taken = await takeDump(source("older", {}, server, clients));
      const place = clients === undefined ? "from_15" : "from_15_by_17";
      await restore(source("postgres", {}, newer, clients), taken, place);
      expect(await newer.run(place, "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 100 }]);
      await using drill = await source("older", {}, server, clients).openDrill({ on: "throwaway", signal: never });
      for (const part of restoreParts(taken)) await drill.restore(part, fullRestore, never);
      expect(await drill.countRows(never)).toEqual(taken.summary.rowCounts!.tables);
    }
    const error = source("postgres", {}, newer).probe(never);
    await expect(error).rejects.toMatchObject({ code: "tool_missing" });
  },
  60_000,
);
