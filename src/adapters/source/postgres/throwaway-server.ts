// A PostgreSQL server of our own from local binaries: on a Unix socket in a private directory, without durability,
// as an unprivileged user when we are root, gone after dispose.

import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import { spawnTool, type ToolProcess } from "../../process/spawn-tool.ts";
import { chooseBaseDir, findIdentity, type Identity } from "../throwaway-place.ts";
import { connect } from "./connection.ts";
import { PostgresConfig } from "./config.ts";
import { translateToolExit } from "./tool-error.ts";
import { waitForServer } from "../wait-for-server.ts";

export interface ThrowawayServer extends AsyncDisposable {
  /** Superuser `postgres`, database `postgres`, no password: nobody else can reach the socket. */
  readonly config: PostgresConfig;
}

export interface ThrowawayOptions {
  readonly binDir: string;
  readonly tmpDir: string;
  readonly signal: AbortSignal;
  /** More `name=value` settings of the server. */
  readonly settings?: readonly string[];
  /** Lines of pg_hba.conf; default: everybody who reaches the socket. */
  readonly hba?: readonly string[];
  readonly port?: number;
}

const startTimeoutMs = 60_000;
/** sun_path holds 108 bytes; the socket's own name takes about 20. */
const longestSocketDirBytes = 80;

const cheapSettings = [
  "listen_addresses=",
  "unix_socket_permissions=0700",
  "fsync=off",
  "full_page_writes=off",
  "synchronous_commit=off",
  "wal_level=minimal",
  "max_wal_senders=0",
  "max_wal_size=4GB",
  "autovacuum=off",
  "maintenance_work_mem=256MB",
  "max_locks_per_transaction=1024",
  "logging_collector=off",
  "jit=off",
];

export async function startThrowawayServer(options: ThrowawayOptions): Promise<ThrowawayServer> {
  const identity = await findIdentity("PostgreSQL", ["postgres", "nobody"]);
  const base = await chooseBaseDir(options.tmpDir, identity, longestSocketDirBytes);
  const home = await mkdtemp(join(base, "bkpg-"));
  let server: ToolProcess | undefined;
  async function dispose(): Promise<void> {
    if (server?.pid !== undefined) await stopServer(server);
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
  try {
    const [data, socket] = [join(home, "data"), join(home, "socket")];
    await mkdir(socket, { mode: 0o700 });
    if (identity !== undefined) {
      await chown(home, identity.uid, identity.gid);
      await chown(socket, identity.uid, identity.gid);
    }
    await initdb(options, data, identity);
    if (options.hba !== undefined) await writeFile(join(data, "pg_hba.conf"), `${options.hba.join("\n")}\n`);
    server = spawnTool({
      command: join(options.binDir, "postgres"),
      args: [
        "-D",
        data,
        "-k",
        socket,
        ...[...cheapSettings, ...(options.settings ?? [])].flatMap((value) => ["-c", value]),
      ],
      cwd: home,
      ...identity,
      // Not the caller's signal: an abort must stop it in order, which dispose does.
      signal: new AbortController().signal,
      fail: (exit) => translateToolExit(exit, "the throw-away PostgreSQL server", "restore_failed"),
    });
    const ended = server.succeed().then(
      () => new AppError("restore_failed", "the throw-away PostgreSQL server ended"),
      (error: unknown) => error,
    );
    const port = options.port ?? 5432;
    const config = PostgresConfig.parse({
      host: socket,
      port,
      name: "postgres",
      user: "postgres",
      tls: { mode: "disable" },
    });
    const { signal } = options;
    const ask = async (): Promise<void> => {
      await using connection = await connect(config, { database: "postgres", signal, errorCode: "restore_failed" });
      await connection.query("SELECT 1");
    };
    await waitForServer({ ended, timeoutMs: startTimeoutMs, signal, ask });
    return { config, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function initdb(options: ThrowawayOptions, data: string, identity: Identity | undefined): Promise<void> {
  await using tool = spawnTool({
    command: join(options.binDir, "initdb"),
    args: ["-D", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
    cwd: dirname(data),
    ...identity,
    signal: options.signal,
    fail: (exit) => translateToolExit(exit, "initdb for the throw-away PostgreSQL server", "restore_failed"),
  });
  await tool.succeed();
}

/** SIGQUIT ends all its processes at once; they leave our process group, so killing the group would miss them. */
async function stopServer(server: ToolProcess): Promise<void> {
  try {
    process.kill(server.pid!, "SIGQUIT");
  } catch {
    // It has ended by itself.
  }
  const ended = server.succeed().then(
    () => {},
    () => {},
  );
  await Promise.race([ended, Bun.sleep(10_000)]);
  await server[Symbol.asyncDispose]();
}
