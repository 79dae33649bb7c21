// argv → cli, nothing more. The handlers come first: without them a rejected promise could end the process with 0.

import { guardOutput } from "./cli/terminal.ts";
import { AppError } from "./domain/error.ts";

function die(error: unknown): never {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`error: an unexpected error ended backupctl\n${message}\n`);
  process.exit(1);
}
process.on("uncaughtException", die);
process.on("unhandledRejection", die);

const cancel = new AbortController();
let takeSignal: ((signal: NodeJS.Signals) => void) | undefined;
let early: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (takeSignal !== undefined) return takeSignal(signal);
    if (cancel.signal.aborted) process.exit(130);
    early = signal;
    return cancel.abort(new AppError("cancelled", `cancelled by ${signal}`));
  });
}

const signals = {
  cancelled: cancel.signal,
  take(onSignal: (signal: NodeJS.Signals) => void) {
    takeSignal = onSignal;
    // Whoever takes them late must not miss the one that came while everything was being opened.
    if (early !== undefined) onSignal(early);
  },
};
const argv = process.argv.slice(2);
const [{ runCli }, { openCliContext }] = await Promise.all([import("./cli/program.ts"), import("./compose.ts")]);
const judgeOutput = guardOutput();
const exitCode = await runCli(argv, (globals) => openCliContext(globals, signals));
await new Promise<void>((resolve) => process.stdout.write("", () => setImmediate(resolve)));
process.exit(judgeOutput(exitCode));
