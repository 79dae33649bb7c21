// PostgreSQL 15 and (where setup has brought it) 17 behind a password with odd signs, a database with everything in it, and
// worlds whose project backs it up to three storages.

import { join } from "node:path";
import { createTestDatabase, startTestServer, type TestServer } from "./postgres-server.ts";
import { openThreeStorages, s3Secret, threeNames, type ThreeStorages } from "./three-storages.ts";
import { findToolDirectory } from "./tools.ts";
import { openTestWorld, type World } from "./world.ts";

export const oddName = `shöp "db" $(x) 'q'`;
export const oddPassword = "canary:pass\\word 'x' \"y\" #ü";

export interface OddPostgres extends AsyncDisposable {
  readonly old: TestServer;
  readonly newer: TestServer | undefined;
  readonly storages: ThreeStorages;
  openWorld(
    options: Readonly<Record<string, unknown>>,
    project?: Readonly<Record<string, unknown>>,
    env?: Readonly<Record<string, string>>,
  ): Promise<World>;
}

export async function openOddPostgres(): Promise<OddPostgres> {
  const old = await startTestServer({ major: 15 });
  const newerDir = findToolDirectory("postgresql-17");
  const newer = newerDir === undefined ? undefined : await startTestServer({ binDir: newerDir });
  for (const server of [old, newer]) {
    await server?.run(
      "postgres",
      `CREATE ROLE backup LOGIN SUPERUSER PASSWORD ${quote(oddPassword)}`,
      'CREATE ROLE "sample owner"',
      "CREATE ROLE sample_reader",
    );
  }
  await createTestDatabase(old, oddName);
  await old.runFile(oddName, join(import.meta.dir, "postgres-sample.sql"));
  await old.run(
    oddName,
    'CREATE SCHEMA "weird schema"',
    'CREATE TABLE "weird schema"."we""ird" (id int PRIMARY KEY, "a.b" text)',
    `INSERT INTO "weird schema"."we""ird" VALUES (1, 'one'), (2, ''), (3, NULL)`,
    'CREATE TABLE "weird schema".other (id int REFERENCES "weird schema"."we""ird")',
    'INSERT INTO "weird schema".other VALUES (1), (1)',
  );
  const storages = await openThreeStorages();
  return {
    old,
    newer,
    storages,
    async openWorld(options, project = {}, env = {}) {
      // The unpacked newer programs are found as an administrator would have them found: by PATH.
      const path = newerDir === undefined ? {} : { PATH: `${process.env["PATH"]!}:${newerDir}` };
      const world = await openTestWorld({ env: { DB_PASSWORD: oddPassword, S3_SECRET: s3Secret, ...path, ...env } });
      const shop = {
        name: "shop",
        database: databaseOn(old, oddName, options),
        storage: threeNames,
        encryption: { enabled: true, type: "aes-256-gcm", password: "${TEST_PASSWORD}" },
        verification: { enabled: true, level: "structure" },
        ...project,
      };
      const second = newer === undefined ? [] : [{ name: "newer", database: databaseOn(newer, "postgres") }];
      await world.configure({ file: { storage: storages.describe(world.dir), projects: [shop, ...second] } });
      return world;
    },
    async [Symbol.asyncDispose]() {
      await old[Symbol.asyncDispose]();
      await newer?.[Symbol.asyncDispose]();
      await storages[Symbol.asyncDispose]();
    },
  };
}

export function databaseOn(server: TestServer, name: string, options: Readonly<Record<string, unknown>> = {}) {
  return {
    type: "postgres",
    host: "127.0.0.1",
    port: server.port,
    name,
    user: "backup",
    password: "${DB_PASSWORD}",
    options,
  };
}

function quote(text: string): string {
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
