// A throw-away rest-server over a directory of its own.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolPath } from "./tools.ts";

export interface RestServer extends AsyncDisposable {
  /** `rest:http://127.0.0.1:port/` */
  readonly repository: string;
  readonly directory: string;
}

export async function startRestServer(
  options: { readonly appendOnly?: boolean; readonly directory?: string } = {},
): Promise<RestServer> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "backupctl-rest-")));
  const port = await freePort();
  const child = spawn(
    toolPath("rest-server"),
    [
      "--path",
      directory,
      "--listen",
      `127.0.0.1:${port}`,
      "--no-auth",
      ...(options.appendOnly === true ? ["--append-only"] : []),
    ],
    { stdio: "ignore" },
  );
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await exited;
    }
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  const deadline = Date.now() + 15_000;
  while (true) {
    try {
      await fetch(`http://127.0.0.1:${port}/config`);
      break;
    } catch (error) {
      if (Date.now() > deadline || child.exitCode !== null) {
        await stop();
        throw error;
      }
      await Bun.sleep(30);
    }
  }
  return { repository: `rest:http://127.0.0.1:${port}/`, directory, [Symbol.asyncDispose]: stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
