// A FerretDB server for tests: it speaks MongoDB's protocol and keeps its data in SQLite. Ends with the tests' process.

import { afterAll, beforeAll, test as bunTest } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { MongodbConfig } from "../../src/adapters/source/mongodb/config.ts";
import { formatConnectionString } from "../../src/adapters/source/mongodb/connection-string.ts";
import { spawnTool } from "../../src/adapters/process/spawn-tool.ts";
import { AppError } from "../../src/domain/error.ts";
import type { ToolDirs } from "../../src/domain/project/project.ts";
import { freePort } from "./postgres-server.ts";
import { findProgram } from "./requirement.ts";
import { findTool, findToolDirectory, toolPath } from "./tools.ts";

export const canary = "canary#pa\\ss'w\"örd/@:%; =";
export const backupUser = "backup user";

export interface MongoServer extends AsyncDisposable {
  readonly port: number;
  readonly tools: ToolDirs;
  readonly client: MongoClient;
  configFor(database: string, more?: Partial<MongodbConfig>): MongodbConfig;
  listDatabases(): Promise<readonly string[]>;
}

const startTimeoutMs = 30_000;

export async function startMongoServer(...args: string[]): Promise<MongoServer> {
  const dir = await mkdtemp(join(tmpdir(), "bk-mongo-"));
  const port = freePort();
  const server = spawnTool({
    command: toolPath("ferretdb"),
    args: [
      "--handler=sqlite",
      `--sqlite-url=file:${dir}/`,
      `--state-dir=${dir}`,
      `--listen-addr=127.0.0.1:${port}`,
      "--debug-addr=-",
      "--telemetry=disable",
      "--log-level=error",
      "--test-enable-new-auth",
      "--setup-database=admin",
      ...args,
    ],
    env: { FERRETDB_SETUP_USERNAME: backupUser, FERRETDB_SETUP_PASSWORD: canary },
    signal: new AbortController().signal,
    fail: (exit) => new AppError("internal", `FerretDB ended: ${exit.stderr.slice(-500)}`),
  });
  let ended: Error | undefined;
  server.succeed().then(
    () => (ended = new Error("FerretDB ended")),
    (error: unknown) => (ended = error instanceof Error ? error : new Error(String(error))),
  );
  const configFor = (database: string, more: Partial<MongodbConfig> = {}): MongodbConfig => {
    const config = { host: "127.0.0.1", port, name: database, user: backupUser, password: canary };
    return { ...MongodbConfig.parse(config), ...more };
  };
  const client = new MongoClient(formatConnectionString(configFor("admin")));
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    if (ended !== undefined || performance.now() > deadline) throw ended ?? new Error("FerretDB does not answer");
    const answers = await client
      .db("admin")
      .command({ ping: 1 })
      .then(
        () => true,
        () => false,
      );
    if (answers) break;
    await Bun.sleep(50);
  }
  return {
    port,
    tools: { mongoBinDir: findToolDirectory("mongo")! },
    client,
    configFor,
    async listDatabases() {
      const { databases } = await client.db("admin").command({ listDatabases: 1, nameOnly: true });
      return (databases as { name: string }[]).map(({ name }) => name).toSorted();
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface MongoFixture {
  /** Skips by name where neither the programs nor Go, which builds them, are there. */
  readonly test: typeof bunTest;
  server(): MongoServer;
}

export function useMongo(...args: string[]): MongoFixture {
  let server: MongoServer | undefined;
  const isThere = (["mongodump", "mongorestore", "ferretdb"] as const).every((name) => findTool(name) !== undefined);
  const runs = isThere || (process.env["CI"] === "true" && findProgram("go") !== undefined);
  beforeAll(async () => {
    if (runs) server = await startMongoServer(...args);
  }, 60_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  const skipped = ((name: string) =>
    bunTest.skip(
      `${name} (needs MongoDB's tools and FerretDB, which npm run setup builds where Go is installed)`,
      () => {
        // Named, not run.
      },
    )) as unknown as typeof bunTest;
  return { test: runs ? bunTest : skipped, server: () => server! };
}
