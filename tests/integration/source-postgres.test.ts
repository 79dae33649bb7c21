// PostgreSQL keeps the promises of every source.

import { afterAll, beforeAll } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/postgres/index.ts";
import type { PostgresConfig } from "../../src/adapters/source/postgres/config.ts";
import { describeSourceContract, type SourceSample } from "../../src/ports/source.contract.ts";
import { describeDatabase } from "../support/describe-postgres.ts";
import { createTestDatabase, freePort, loginAs, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const canary = "canary:pa\\ss'wörd";
let server: TestServer;
let count = 0;

beforeAll(async () => {
  server = await startTestServer();
  await server.run("postgres", `CREATE ROLE "backup user" LOGIN SUPERUSER PASSWORD '${canary.replaceAll("'", "''")}'`);
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
}, 60_000);

async function prepare(options: Partial<PostgresConfig["options"]>): Promise<SourceSample> {
  const place = `sample ${++count} "ü" $(x)`;
  await createTestDatabase(
    server,
    place,
    `CREATE TABLE plain (id int PRIMARY KEY, text text, bytes bytea)`,
    `INSERT INTO plain SELECT i, repeat(md5(i::text), 40), decode(md5(i::text), 'hex') FROM generate_series(1, 3000) AS i`,
    `INSERT INTO plain VALUES (-1, '', ''), (-2, NULL, NULL), (-3, E'\\\\.\\nü\\t', '\\x00ff')`,
    `CREATE SCHEMA "Größe "" x"`,
    `CREATE TABLE "Größe "" x"."--drop 💥 $(id)" (n int)`,
    `INSERT INTO "Größe "" x"."--drop 💥 $(id)" VALUES (1), (2)`,
    `CREATE TABLE empty ()`,
  );
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-source-"));
  const places: string[] = [];
  const before = new Set(await server.listDatabases());
  const logged: string[] = [];
  const context = { tmpDir, tools: {}, log: (_: string, message: string) => void logged.push(message) };
  const login = loginAs(server, "backup user", canary, place);
  const config: PostgresConfig = { ...login, options: { ...login.options, ...options } };
  return {
    source: open(config, context),
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
    fillPlace: (name) => createTestDatabase(server, name, "CREATE TABLE other (a int)", "INSERT INTO other VALUES (7)"),
    async listLeftovers() {
      const after = await server.listDatabases();
      return after.filter((name) => !before.has(name) && !places.includes(name));
    },
    openWithBadCredentials: () => open({ ...config, password: "wrong" }, context),
    openUnreachable: () => open({ ...config, port: freePort() }, context),
    async [Symbol.asyncDispose]() {
      for (const name of [place, ...places]) {
        await server.run("postgres", `DROP DATABASE IF EXISTS "${name.replaceAll('"', '""')}" WITH (FORCE)`);
      }
      await rm(tmpDir, { recursive: true, force: true });
    },
  };
}

const capabilities = {
  rowCounts: true,
  modes: ["create", "clean", "drop", "append"],
  drills: ["project", "throwaway"],
  test: needs("pg_dump", "psql"),
} as const;

describeSourceContract("PostgreSQL", () => prepare({}), capabilities);
describeSourceContract("PostgreSQL with parallel jobs", () => prepare({ parallel: 2, globals: true }), capabilities);
