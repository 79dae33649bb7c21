// Somebody else's restic in the middle of its work: it holds its lock in the repository and does not move until it may.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { resticPassword } from "./restic-world.ts";
import { findTool } from "./tools.ts";

export interface ForeignRestic extends AsyncDisposable {
  readonly pid: number;
  /** The name of its lock's file. */
  readonly lock: string;
  /** Lets it go on to its end; resolves with its exit code. */
  finish(): Promise<number | null>;
  /** As a power cut would: its lock stays. */
  kill(): Promise<void>;
}

/** `host`: the machine that it believes to be on, which only root can arrange. */
export async function holdForeignLock(
  repositoryPath: string,
  args: readonly string[],
  options: { readonly home: string; readonly host?: string },
): Promise<ForeignRestic> {
  const before = new Set(listLocks(repositoryPath));
  const restic = [findTool("restic") ?? "restic", "-r", repositoryPath, "--no-cache", ...args];
  const argv =
    options.host === undefined
      ? restic
      : ["unshare", "--uts", "sh", "-c", `hostname "$1"; shift; exec "$@"`, "sh", options.host, ...restic];
  const child = spawn(argv[0]!, argv.slice(1), {
    env: { PATH: process.env["PATH"] ?? "", HOME: options.home, RESTIC_PASSWORD: resticPassword },
    stdio: "ignore",
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  // It looks for other locks for 200 ms after it has written its own: long enough to be stopped in time.
  const deadline = Date.now() + 20_000;
  let lock: string | undefined;
  while (lock === undefined) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`restic ${args.join(" ")} held no lock`);
    await Bun.sleep(2);
    lock = listLocks(repositoryPath).find((name) => !before.has(name));
  }
  child.kill("SIGSTOP");
  return {
    pid: child.pid!,
    lock,
    finish() {
      child.kill("SIGCONT");
      return exited;
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** What restic had not finished to write is no lock. */
export function listLocks(repositoryPath: string): readonly string[] {
  return readdirSync(join(repositoryPath, "locks")).filter((name) => !name.includes("-tmp-"));
}
