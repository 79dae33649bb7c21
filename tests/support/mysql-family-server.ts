// A MariaDB or MySQL server for tests, shared by the tests of one file; ends with the process that started it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ToolDirs } from "../../src/domain/project/project.ts";
import { MysqlFamilyConfig } from "../../src/adapters/source/shared-mysql/connection-config.ts";
import { connect, type Login } from "../../src/adapters/source/shared-mysql/connection.ts";
import type { Flavour } from "../../src/adapters/source/shared-mysql/flavour.ts";
import { quoteName, quoteText } from "../../src/adapters/source/shared-mysql/identifier.ts";
import { findServerBinaries } from "../../src/adapters/source/shared-mysql/throwaway-drill.ts";
import { startThrowawayServer } from "../../src/adapters/source/shared-mysql/throwaway-server.ts";
import { freePort } from "./postgres-server.ts";

export interface FamilyServer extends AsyncDisposable {
  readonly flavour: Flavour;
  readonly version: string;
  readonly tools: ToolDirs;
  /** The administrator on the socket, without a password. */
  readonly admin: Login;
  readonly port: number;
  /** Runs statements one after the other and returns the rows of the last. */
  run(database: string | undefined, ...statements: string[]): Promise<Record<string, unknown>[]>;
  listDatabases(): Promise<readonly string[]>;
}

const never = new AbortController().signal;

export async function startFamilyServer(
  flavour: Flavour,
  options: { readonly tools?: ToolDirs; readonly args?: readonly string[] } = {},
): Promise<FamilyServer> {
  const tools = options.tools ?? {};
  const binaries = await findServerBinaries(flavour, { tools }, null, never);
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-mytest-"));
  await Bun.$`chmod 755 ${tmpDir}`.quiet();
  const port = freePort();
  const server = await startThrowawayServer({
    flavour,
    binaries,
    tmpDir,
    signal: never,
    args: ["--skip-networking=0", "--bind-address=127.0.0.1", `--port=${port}`, ...(options.args ?? [])],
  });
  async function run(database: string | undefined, ...statements: string[]): Promise<Record<string, unknown>[]> {
    await using connection = await connect(server.login, { database, signal: never });
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = await connection.query(statement);
    return rows;
  }
  return {
    flavour,
    version: binaries.version,
    tools,
    admin: server.login,
    port,
    run,
    async listDatabases() {
      const rows = await run(undefined, "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA ORDER BY 1");
      return rows.map((row) => String(row["name"]));
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(tmpDir, { recursive: true, force: true });
    },
  };
}

export async function createTestDatabase(server: FamilyServer, name: string, ...statements: string[]): Promise<void> {
  await server.run(undefined, `CREATE DATABASE ${quoteName(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`);
  if (statements.length > 0) await server.run(name, ...statements);
}

/** A user who logs in over the loopback port with a password. */
export function loginAs(server: FamilyServer, user: string, password: string, database: string): MysqlFamilyConfig {
  return MysqlFamilyConfig.parse({ host: "127.0.0.1", port: server.port, name: database, user, password });
}

export async function createUser(
  server: FamilyServer,
  user: string,
  password: string,
  ...grants: string[]
): Promise<void> {
  const account = `${quoteName(user)}@'%'`;
  await server.run(undefined, `CREATE USER ${account} IDENTIFIED BY ${quoteText(password)}`);
  for (const grant of grants) await server.run(undefined, `GRANT ${grant} TO ${account}`);
}
