// Runs a hook line by the shell, in a process group of its own that a time-out or a cancel ends as a whole. The line gets
// the environment this program was started with, whole, since it is the user's own line, and what the request adds.
// Whoever it leaves in the background lives on, unless it keeps our pipes.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { AppError } from "../../../domain/error.ts";
import type { HookRequest, HookResult, HookRunner } from "../../../ports/hook.ts";
import { createLineBudget, createLineSplitter } from "./line-splitter.ts";

/** Between the request to end and the end, and between the line's exit and that of its pipes. */
const graceMs = 2_000;
const isWindows = process.platform === "win32";
const setprivPath =
  process.platform === "linux" ? ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path)) : undefined;

export const shellHooks: HookRunner = { run: runHook };

async function runHook(request: HookRequest): Promise<HookResult> {
  const { signal, timeoutMs } = request;
  signal.throwIfAborted();
  const startedAt = performance.now();
  const child = startShell(request);
  const budget = createLineBudget();
  for (const stream of [child.stdout!, child.stderr!]) {
    const lines = createLineSplitter(budget, request.onLine);
    stream.on("data", (bytes: Uint8Array) => lines.push(bytes));
    stream.on("error", () => {});
    stream.once("close", () => lines.end());
  }

  let stopped: "timeout" | "abort" | undefined;
  let killing: ReturnType<typeof setTimeout> | undefined;
  const stop = (why: "timeout" | "abort"): void => {
    if (stopped !== undefined) return;
    stopped = why;
    killGroup(child, "SIGTERM");
    killing = setTimeout(() => killGroup(child, "SIGKILL"), graceMs);
  };
  const onAbort = (): void => stop("abort");
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => stop("timeout"), Math.min(timeoutMs, 2 ** 31 - 1));

  try {
    const exitCode = await exitOf(child, () => clearTimeout(timer));
    // Not even after a kind end may anything of the group stay: it was told to go.
    if (stopped !== undefined) killGroup(child, "SIGKILL");
    if (stopped === "abort") signal.throwIfAborted();
    if (stopped === "timeout") {
      throw new AppError("timed_out", `the hook did not end within ${timeoutMs / 1000} s and was killed`, {
        hint: "raise hooks.timeout_seconds or make the hook faster",
      });
    }
    return { exitCode, durationMs: Math.round(performance.now() - startedAt) };
  } finally {
    clearTimeout(timer);
    clearTimeout(killing);
    signal.removeEventListener("abort", onAbort);
  }
}

function startShell({ command, env }: HookRequest): ChildProcess {
  const shell = isWindows ? ["cmd.exe", "/d", "/s", "/c", `"${command}"`] : ["/bin/sh", "-c", command];
  const tied = setprivPath === undefined ? shell : [setprivPath, "--pdeathsig", "KILL", "--", ...shell];
  return spawn(tied[0]!, tied.slice(1), {
    env: { ...process.env, ...env },
    detached: !isWindows,
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
    windowsVerbatimArguments: isWindows,
  });
}

/** Resolves when the shell has exited and its pipes are closed, by themselves or by force. */
function exitOf(child: ChildProcess, onExit: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let waiting: ReturnType<typeof setTimeout> | undefined;
    let force = 0;
    const closePipes = (): void => {
      force++;
      killGroup(child, "SIGKILL");
      // Somebody who left the group still holds them: we let go.
      if (force > 1) for (const stream of [child.stdout!, child.stderr!]) stream.destroy();
      waiting = setTimeout(closePipes, force > 1 ? graceMs : 200);
    };
    child.on("error", (cause) => {
      if (child.pid !== undefined) return;
      const hint = "look whether the system still allows more processes and has its shell";
      reject(new AppError("hook_failed", "the shell of the hook could not be started", { hint, cause }));
    });
    child.once("exit", () => {
      onExit();
      waiting = setTimeout(closePipes, graceMs);
    });
    child.once("close", (code, signal) => {
      clearTimeout(waiting);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

function killGroup(child: ChildProcess, how: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (isWindows) child.kill(how);
    else process.kill(-child.pid, how);
  } catch {
    // The group is gone already.
  }
}
