// Runs a client program (pg_dump, mysql, age …) so that nothing of it outlives us and no failure looks like success:
// argument array and no shell, own process group, tied to our life by setpriv on Linux, stderr drained and capped,
// stdin closed unless given, and a stdout stream that ends only after the exit status was judged.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { ByteStream, StreamDigest } from "../../ports/byte-stream.ts";
import { AppError, toAppError } from "../../domain/error.ts";
import { openRuntimeInput, openThreadInput, type ToolInput } from "./tool-input.ts";
import { scheduleAsBatch } from "./schedule-as-batch.ts";
import { openRuntimeOutput, openThreadOutput, plainReader, type OutputReader, type ToolOutput } from "./tool-output.ts";

export interface ToolExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The last 64 KiB of stderr. */
  readonly stderr: string;
  /** ENOENT and the like: the program could not be started at all. */
  readonly startError: Error | null;
}

export interface ToolOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to PATH, HOME, LANG and TZ of ours; nothing else is inherited. No secrets: use files of mode 0600. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly stdin?: ByteStream;
  /** `stdin` is large (a restore): where the system can, a thread writes it. */
  readonly largeInput?: boolean;
  /**
   * The program writes a lot (a dump): where the system can, it gets a larger output buffer, and a thread reads and hashes.
   */
  readonly largeOutput?: boolean | OutputReader;
  readonly signal: AbortSignal;
  /** Turns an exit that is not a success into the adapter's error. */
  fail(exit: ToolExit): AppError;
  /** Default: code 0 and no signal. */
  succeeded?(exit: ToolExit): boolean;
  onStderrLine?(line: string): void;
}

export interface ToolProcess extends AsyncDisposable {
  readonly pid: number | undefined;
  /** Ends only when the program succeeded, else throws `fail(exit)`. Must be read (or disposed). */
  readonly stdout: ByteStream;
  /** Of the whole of stdout, after its end; undefined where no thread hashed it. */
  readonly digest: (() => StreamDigest) | undefined;
  /** Resolves when the program succeeded, else throws; do not use together with `stdout`. */
  succeed(): Promise<ToolExit>;
}

const stderrTailBytes = 64 * 1024;
/** How long a grandchild may keep our pipes open after the program itself has exited. */
const pipeGraceMs = 2_000;
const setprivPath =
  process.platform === "linux" ? ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path)) : undefined;

const stdbufPath =
  process.platform === "linux" ? ["/usr/bin/stdbuf", "/bin/stdbuf"].find((path) => existsSync(path)) : undefined;
/** A dump program's own buffer is 4 KiB for a pipe: 250,000 writes for a gigabyte, and as many wake-ups here. */
const outputBufferBytes = 128 * 1024;

export function toolEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = { LANG: "C.UTF-8", LC_ALL: "C.UTF-8" };
  for (const name of ["PATH", "HOME", "TZ", "TMPDIR", "SystemRoot", "USERPROFILE", "APPDATA"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...extra };
}

function openInput({ largeInput }: ToolOptions): ToolInput {
  return (largeInput === true ? openThreadInput() : undefined) ?? openRuntimeInput();
}

function findThreadOutput({ largeOutput }: ToolOptions): ToolOutput | undefined {
  if (largeOutput === undefined || largeOutput === false) return undefined;
  return openThreadOutput(largeOutput === true ? plainReader : largeOutput);
}

export function spawnTool(options: ToolOptions): ToolProcess {
  const { signal } = options;
  signal.throwIfAborted();
  const buffered =
    (options.largeOutput ?? false) !== false && stdbufPath !== undefined ? [stdbufPath, `-o${outputBufferBytes}`] : [];
  const tied = setprivPath === undefined ? [] : [setprivPath, "--pdeathsig", "KILL", "--"];
  const argv = [...tied, ...buffered, options.command, ...options.args];
  const output = findThreadOutput(options) ?? openRuntimeOutput();
  const input = options.stdin === undefined ? undefined : openInput(options);
  const child = start();
  const isLarge = (options.largeOutput ?? false) !== false || options.largeInput === true;
  if (isLarge && child.pid !== undefined) scheduleAsBatch(child.pid);
  input?.started(child);

  function start(): ChildProcess {
    try {
      return spawn(argv[0]!, argv.slice(1), {
        cwd: options.cwd,
        env: toolEnvironment(options.env),
        uid: options.uid,
        gid: options.gid,
        detached: process.platform !== "win32",
        stdio: [input?.stdio ?? "ignore", output.stdio, "pipe"],
        windowsHide: true,
      });
    } catch (error) {
      input?.started(undefined);
      input?.close();
      output.started(undefined, () => {});
      void output.close();
      throw error;
    }
  }

  let stderr = "";
  let pendingLine = "";
  child.stderr!.setEncoding("utf8");
  child.stderr!.on("data", (text: string) => {
    stderr = (stderr + text).slice(-stderrTailBytes);
    if (options.onStderrLine === undefined) return;
    const lines = (pendingLine + text).split("\n");
    pendingLine = (lines.pop() ?? "").slice(-stderrTailBytes);
    for (const line of lines) options.onStderrLine(line.trimEnd());
  });
  child.stderr!.on("error", () => {});

  function killGroup(how: NodeJS.Signals): void {
    if (child.pid === undefined) return;
    try {
      if (process.platform === "win32") child.kill(how);
      else process.kill(-child.pid, how);
    } catch {
      // The group is gone already.
    }
  }

  let startError: Error | null = null;
  let grace: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  const exited = new Promise<ToolExit>((resolve) => {
    const settle = (code: number | null, exitSignal: string | null): void => {
      closed = true;
      if (pendingLine !== "") options.onStderrLine?.(pendingLine.trimEnd());
      resolve({ code, signal: exitSignal, stderr, startError });
    };
    child.on("error", (error) => {
      startError = error;
      if (child.pid === undefined) settle(null, null);
    });
    child.on("exit", () => {
      grace = setTimeout(() => killGroup("SIGKILL"), pipeGraceMs);
    });
    output.started(child, () => grace?.refresh());
    child.on("close", settle);
  });
  void Promise.all([exited, output.over]).then(() => clearTimeout(grace));

  const onAbort = (): void => killGroup("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });

  let stdinError: unknown;
  const fed =
    options.stdin === undefined || input === undefined
      ? Promise.resolve()
      : feed(options.stdin, input).catch((error: unknown) => {
          stdinError = error;
          killGroup("SIGKILL");
        });

  async function feed(stream: ByteStream, to: ToolInput): Promise<void> {
    void exited.then(() => to.close());
    for await (const chunk of stream) {
      if (to.isBroken() || closed) return;
      await to.write(chunk);
    }
    await to.end();
  }

  async function judge(): Promise<ToolExit> {
    const exit = await exited;
    signal.removeEventListener("abort", onAbort);
    signal.throwIfAborted();
    if (stdinError === undefined && exit.code === 0) await fed;
    if (stdinError !== undefined) throw toAppError(stdinError);
    const succeeded = options.succeeded?.(exit) ?? (exit.code === 0 && exit.signal === null);
    if (!succeeded || exit.startError !== null) throw options.fail(exit);
    return exit;
  }

  async function* readStdout(): ByteStream {
    try {
      for await (const chunk of output.read()) yield chunk;
    } catch (error) {
      // What the output's reader has against it counts only when the program itself was content.
      if (error instanceof AppError) {
        await judge();
        throw error;
      }
      if (!signal.aborted && startError === null) {
        killGroup("SIGKILL");
        await exited;
        throw error;
      }
    }
    await judge();
  }

  async function dispose(): Promise<void> {
    signal.removeEventListener("abort", onAbort);
    if (!closed) killGroup("SIGKILL");
    input?.close();
    await output.close();
    await exited;
  }

  return {
    pid: child.pid,
    stdout: disposeOnReturn(readStdout(), dispose),
    digest: output.digest,
    async succeed() {
      output.drain();
      return judge();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Whoever leaves the stream early, by `break` or by an error, also ends the process behind it. */
async function* disposeOnReturn(stream: ByteStream, dispose: () => Promise<void>): ByteStream {
  try {
    yield* stream;
  } finally {
    await dispose();
  }
}
