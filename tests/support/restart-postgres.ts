// Stops a PostgreSQL server of a test and starts it again on the same data, as an update or a crash of its host does.

import { spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { until } from "./daemon-process.ts";
import type { TestServer } from "./postgres-server.ts";

function dataOf(server: TestServer): string {
  return join(dirname(server.admin.host), "data");
}

async function findPid(server: TestServer): Promise<number | undefined> {
  const text = await readFile(join(dataOf(server), "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) ? pid : undefined;
}

/** Every session ends at once, without a clean shutdown. */
export async function stopPostgres(server: TestServer): Promise<void> {
  const pid = await findPid(server);
  if (pid === undefined) throw new Error("the server does not run");
  process.kill(pid, "SIGQUIT");
  await until(async () => (await findPid(server)) === undefined, 10_000);
}

/** Ends with the result, before the server itself is disposed. */
export async function startPostgres(server: TestServer): Promise<AsyncDisposable> {
  const data = dataOf(server);
  const { uid, gid } = await stat(data);
  const settings = ["listen_addresses=127.0.0.1", `port=${server.port}`, "fsync=off", "logging_collector=off"];
  const args = ["-D", data, "-k", server.admin.host, ...settings.flatMap((setting) => ["-c", setting])];
  const owner = process.geteuid?.() === 0 ? { uid, gid } : {};
  const child = spawn(join(server.binDir, "postgres"), args, { cwd: dirname(data), stdio: "ignore", ...owner });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await until(
    () =>
      server.run("postgres", "SELECT 1").then(
        () => true,
        () => false,
      ),
    20_000,
  );
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGQUIT");
      await ended;
    },
  };
}
