// A PostgreSQL server for tests, shared by the tests of one file; ends with the process that started it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listInstallations } from "../../src/adapters/source/postgres/client-tools.ts";
import { PostgresConfig } from "../../src/adapters/source/postgres/config.ts";
import { connect } from "../../src/adapters/source/postgres/connection.ts";
import { quoteIdentifier } from "../../src/adapters/source/postgres/identifier.ts";
import { startThrowawayServer } from "../../src/adapters/source/postgres/throwaway-server.ts";

export interface TestServer extends AsyncDisposable {
  readonly binDir: string;
  readonly version: string;
  /** Superuser on the socket, without a password. */
  readonly admin: PostgresConfig;
  /** A loopback port where passwords (scram-sha-256) are asked for. */
  readonly port: number;
  /** Runs SQL, statement by statement when given several. */
  run(database: string, ...statements: string[]): Promise<Record<string, unknown>[]>;
  /** Runs a file with psql. */
  runFile(database: string, path: string): Promise<void>;
  listDatabases(): Promise<readonly string[]>;
}

const never = new AbortController().signal;

export async function findServerBinaries(major?: number) {
  const installed = await listInstallations("initdb", {}, never);
  return installed.find((tool) => major === undefined || Number.parseInt(tool.version, 10) === major);
}

export async function startTestServer(
  options: {
    readonly major?: number;
    readonly binDir?: string;
    readonly settings?: readonly string[];
    readonly hba?: readonly string[];
  } = {},
): Promise<TestServer> {
  const binaries = options.binDir === undefined ? await findServerBinaries(options.major) : undefined;
  const binDir = options.binDir ?? binaries?.binDir;
  if (binDir === undefined) throw new Error("no PostgreSQL server is installed: npm run setup");
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-pgtest-"));
  await Bun.$`chmod 755 ${tmpDir}`.quiet();
  const port = freePort();
  const server = await startThrowawayServer({
    binDir,
    tmpDir,
    signal: never,
    settings: [
      "listen_addresses=127.0.0.1",
      `port=${port}`,
      "wal_level=replica",
      "max_wal_senders=2",
      ...(options.settings ?? []),
    ],
    hba: options.hba ?? ["local all all trust", "host all all 127.0.0.1/32 scram-sha-256"],
    port,
  });
  const admin = { ...server.config, port };
  async function run(database: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
    await using connection = await connect(admin, { database, signal: never });
    await connection.query(`SET search_path TO "$user", public`);
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = await connection.query(statement);
    return rows;
  }
  const [row] = await run("postgres", "SHOW server_version");
  return {
    binDir,
    version: String(row?.["server_version"]).split(" ")[0]!,
    admin,
    port,
    run,
    async runFile(database, path) {
      const args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", admin.host, "-p", String(port), "-U", "postgres"];
      const psql = Bun.spawn([join(binDir, "psql"), ...args, "-d", database, "-f", path], {
        stdout: "ignore",
        stderr: "pipe",
      });
      const words = await new Response(psql.stderr).text();
      if ((await psql.exited) !== 0) throw new Error(words);
    },
    async listDatabases() {
      const rows = await run("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1");
      return rows.map((entry) => String(entry["datname"]));
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(tmpDir, { recursive: true, force: true });
    },
  };
}

export async function createTestDatabase(server: TestServer, name: string, ...statements: string[]): Promise<void> {
  await server.run("postgres", `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0`);
  if (statements.length > 0) await server.run(name, ...statements);
}

/** A role that logs in over the loopback port with a password. */
export function loginAs(server: TestServer, user: string, password: string, database: string): PostgresConfig {
  return PostgresConfig.parse({
    host: "127.0.0.1",
    port: server.port,
    name: database,
    user,
    password,
    tls: { mode: "prefer" },
  });
}

export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
