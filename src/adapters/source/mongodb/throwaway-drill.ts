// A drill on a server of our own from local binaries: on a Unix socket in a private directory, gone after dispose.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, toAppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { chooseBaseDir, findIdentity } from "../throwaway-place.ts";
import { waitForServer } from "../wait-for-server.ts";
import { findServer } from "./client-tools.ts";
import { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { openScratch } from "./drill.ts";
import { translateToolExit } from "./tool-error.ts";

const startTimeoutMs = 60_000;
/** sun_path holds 108 bytes; the rest of the path takes about 30. */
const longestBaseDirBytes = 70;
const port = 27017;
const database = "backupctl_drill";

export function openThrowawayDrill(context: SourceContext): RestoreTarget {
  const held = new AsyncDisposableStack();
  let scratch: RestoreTarget | undefined;
  return {
    swaps: true,
    async restore(part, options, signal) {
      try {
        if (scratch === undefined) {
          const server = held.use(await startThrowawayServer(context, signal));
          scratch = openScratch(server.config, context, database);
        }
      } catch (error) {
        for await (const _ of part.stream) break;
        throw error;
      }
      return scratch.restore(part, options, signal);
    },
    async countRows(signal) {
      if (scratch === undefined) throw new AppError("internal", "the drill has restored nothing that could be counted");
      return scratch.countRows(signal);
    },
    async commit() {},
    async [Symbol.asyncDispose]() {
      // With the server goes what was restored.
      await held.disposeAsync();
    },
  };
}

export interface ThrowawayServer extends AsyncDisposable {
  readonly config: MongodbConfig;
}

async function startThrowawayServer(context: SourceContext, signal: AbortSignal): Promise<ThrowawayServer> {
  const binary = await findServer(context.tools, signal);
  if (binary === undefined) {
    throw new AppError("tool_missing", "a throw-away drill needs mongod or FerretDB 1, and none is installed", {
      hint: "install the server's package on this machine (it need not run), or drill on the project's server",
    });
  }
  const identity = await findIdentity("MongoDB", ["mongodb", "mongod", "nobody"]);
  const base = await chooseBaseDir(context.tmpDir, identity, longestBaseDirBytes);
  await using held = new AsyncDisposableStack();
  // The tools look for a socket under the lower-case form of its path.
  const parent = base === base.toLowerCase() ? base : "/tmp";
  const home = join(parent, `bkmo-${randomBytes(6).toString("hex")}`);
  await mkdir(home, { mode: 0o700 });
  held.defer(() => rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  if (identity !== undefined) await chown(home, identity.uid, identity.gid);
  const socket = join(home, `mongodb-${port}.sock`);
  const args = binary.program.includes("ferretdb")
    ? [
        "--handler=sqlite",
        `--sqlite-url=file:${home}/`,
        `--state-dir=${home}`,
        "--listen-addr=",
        `--listen-unix=${socket}`,
        "--debug-addr=-",
        "--telemetry=disable",
        "--log-level=warn",
      ]
    : ["--dbpath", home, "--bind_ip", socket, "--port", String(port)];
  const server = held.use(
    spawnTool({
      command: binary.program,
      args,
      cwd: home,
      env: { TMPDIR: home },
      ...identity,
      // Not the caller's signal: dispose ends it.
      signal: new AbortController().signal,
      fail: (exit) => translateToolExit(exit, "the throw-away MongoDB server", "restore_failed"),
    }),
  );
  const ended = server.succeed().then(
    () => new AppError("restore_failed", "the throw-away MongoDB server ended"),
    (error: unknown) => toAppError(error),
  );
  const config = MongodbConfig.parse({ host: socket, name: database });
  await waitForServer({
    ended,
    timeoutMs: startTimeoutMs,
    signal,
    async ask() {
      if (!existsSync(socket)) throw new AppError("restore_failed", "the throw-away MongoDB server does not listen");
      await using connection = await connect(config, { signal, errorCode: "restore_failed" });
      await connection.run("waiting for the throw-away MongoDB server", (db) => db("admin").command({ ping: 1 }));
    },
  });
  const owned = held.move();
  return { config, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
