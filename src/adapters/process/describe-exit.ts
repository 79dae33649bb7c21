import type { ToolExit } from "./spawn-tool.ts";

/** How a program that failed ended, as the end of a sentence that names it. */
export function describeExit({ startError, signal, code }: ToolExit): string {
  if (startError !== null) return `could not be started: ${startError.message}`;
  return signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
}
