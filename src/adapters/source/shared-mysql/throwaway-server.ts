// A server of our own from local binaries: on a Unix socket in a private directory, without durability, as an
// unprivileged user when we are root, gone after dispose.

import { chown, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import { spawnTool, type ToolProcess } from "../../process/spawn-tool.ts";
import { chooseBaseDir, findIdentity } from "../throwaway-place.ts";
import { connect, type Login } from "./connection.ts";
import { MysqlFamilyConfig } from "./connection-config.ts";
import type { Flavour, ServerBinaries } from "./flavour.ts";
import { translateToolExit } from "./tool-error.ts";
import { waitForServer } from "../wait-for-server.ts";

export interface ThrowawayServer extends AsyncDisposable {
  /** The administrator on the socket, without a password: nobody else can reach it. */
  readonly login: Login;
  readonly pid: number | undefined;
}

export interface ThrowawayOptions {
  readonly flavour: Flavour;
  readonly binaries: ServerBinaries;
  readonly tmpDir: string;
  readonly signal: AbortSignal;
  /** More arguments of the server. */
  readonly args?: readonly string[];
}

const startTimeoutMs = 90_000;
/** sun_path holds 108 bytes; the rest of the path takes about 20. */
const longestBaseDirBytes = 80;

const cheapArgs = [
  "--skip-networking",
  "--innodb-flush-log-at-trx-commit=0",
  "--innodb-doublewrite=0",
  "--innodb-buffer-pool-size=256M",
  "--max-allowed-packet=1G",
  "--event-scheduler=OFF",
  "--local-infile=0",
  "--log-bin-trust-function-creators=1",
  "--character-set-server=utf8mb4",
];

export async function startThrowawayServer(options: ThrowawayOptions): Promise<ThrowawayServer> {
  const { flavour, binaries } = options;
  const identity = await findIdentity(flavour.label, ["mysql", "nobody"]);
  const base = await chooseBaseDir(options.tmpDir, identity, longestBaseDirBytes);
  const home = await mkdtemp(join(base, "bkmy-"));
  const doing = `the throw-away ${flavour.label} server`;
  let server: ToolProcess | undefined;
  async function dispose(): Promise<void> {
    await server?.[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
  try {
    if (identity !== undefined) await chown(home, identity.uid, identity.gid);
    const dataDir = join(home, "data");
    {
      await using tool = spawnTool({
        ...flavour.initServer(binaries, dataDir),
        cwd: home,
        env: { TMPDIR: home },
        ...identity,
        signal: options.signal,
        fail: (exit) => translateToolExit(exit, `making the data directory of ${doing}`, "restore_failed"),
      });
      await tool.succeed();
    }
    const socket = join(home, "s.sock");
    server = spawnTool({
      command: binaries.server,
      args: [
        "--no-defaults",
        `--basedir=${binaries.baseDir}`,
        `--datadir=${dataDir}`,
        `--socket=${socket}`,
        `--pid-file=${join(home, "pid")}`,
        `--tmpdir=${home}`,
        // A dump is code: it must not read or write files of this machine.
        `--secure-file-priv=${home}`,
        ...cheapArgs,
        ...flavour.serverArgs(binaries),
        ...(options.args ?? []),
      ],
      cwd: home,
      env: { TMPDIR: home },
      ...identity,
      // Not the caller's signal: dispose ends it.
      signal: new AbortController().signal,
      fail: (exit) => translateToolExit(exit, doing, "restore_failed"),
    });
    const ended = server.succeed().then(
      () => new AppError("restore_failed", `${doing} ended`),
      (error: unknown) => error,
    );
    const config = MysqlFamilyConfig.parse({ socket, name: "mysql", user: "root", tls: { mode: "disable" } });
    const login = { flavour, config };
    const { signal } = options;
    const ask = async (): Promise<void> => {
      await using connection = await connect(login, { signal, errorCode: "restore_failed" });
      await connection.query("SELECT 1");
    };
    await waitForServer({ ended, timeoutMs: startTimeoutMs, signal, ask });
    return { login, pid: server.pid, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
