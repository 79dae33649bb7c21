// The compiled program, as `npm run build` leaves it. End-to-end tests drive this and nothing else.

import { join } from "node:path";
import { needs } from "./requirement.ts";

export const binaryPath: string = process.env["BACKUPCTL_BINARY"] ?? join(import.meta.dir, "../../dist/backupctl");

/** `test`, or by name a skip (in CI a failure) where nothing was built. */
export const testWithBinary: ReturnType<typeof needs> = needs(binaryPath);

export interface Outcome {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end with only the environment given, so that nothing of the developer's own leaks in. */
export async function runBinary(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly program?: string },
): Promise<Outcome> {
  const child = Bun.spawn([options.program ?? binaryPath, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: options.cwd, ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode: child.exitCode, signal: child.signalCode as NodeJS.Signals | null, stdout, stderr };
}
