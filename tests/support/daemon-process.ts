// The daemon as a process of its own, in a world of end-to-end tests.

import { Database } from "bun:sqlite";
import { join } from "node:path";
import { binaryPath } from "./binary.ts";
import { freePort } from "./postgres-server.ts";
import type { World } from "./world.ts";

export interface DaemonProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** All that it wrote so far. */
  readonly output: string;
  get(path: string, init?: RequestInit): Promise<Response>;
  kill(signal: NodeJS.Signals): void;
  /** Its exit code; null after a signal that it did not take. */
  readonly exited: Promise<number | null>;
}

export interface DaemonOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: waits until it answers. */
  readonly isExpectedToAnswer?: boolean;
}

const startWithinMs = 15_000;

export async function startDaemon(world: World, options: DaemonOptions = {}): Promise<DaemonProcess> {
  const url = `http://127.0.0.1:${freePort()}`;
  const child = Bun.spawn([binaryPath, "daemon", ...(options.args ?? [])], {
    cwd: world.dir,
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: world.dir,
      LISTEN: url.slice("http://".length),
      ...world.env,
      ...options.env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  async function collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
  }
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const exited = child.exited.then(async () => {
    await collected;
    return child.exitCode;
  });
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${url}${path}`, init);
  if (options.isExpectedToAnswer !== false) {
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`the daemon ended: ${output}`);
        return (await get("/health").catch(() => undefined)) !== undefined && output.includes("daemon: ");
      },
      startWithinMs,
      () => output,
    );
  }
  return {
    pid: child.pid,
    url,
    get output() {
      return output;
    },
    get,
    kill: (signal) => child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await child.exited;
    },
  };
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  describe: () => string = () => "",
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it did not come to pass in ${withinMs} ms: ${describe()}`);
    await Bun.sleep(50);
  }
}

export interface SlotRow {
  readonly project: string;
  readonly schedule: string;
  readonly slot_at: number;
  readonly status: string;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly run_id: string | null;
}

export function readSlots(world: World): readonly SlotRow[] {
  using database = openState(world);
  return database.query("SELECT * FROM schedule_slots ORDER BY slot_at DESC").all() as SlotRow[];
}

/** As if the daemon had been away for so long. */
export function pretendAway(world: World, milliseconds: number): void {
  using database = openState(world);
  const then = Date.now() - milliseconds;
  database.run("UPDATE schedule_marks SET since = ?, judged_until = ?", [then, then]);
}

function openState(world: World): Database {
  const database = new Database(join(world.dir, "base/.backupctl/state.db"));
  database.run("PRAGMA busy_timeout = 5000");
  return database;
}
