// What ciphers that drive a program say when the program itself is the problem.

import { AppError } from "../../domain/error.ts";
import type { ToolExit } from "../process/spawn-tool.ts";

const notFoundStatus = 127;
const noise = ["[GNUPG:]", "age: report unexpected"];

/** Undefined when the program was there and ran. */
export function missingTool(exit: ToolExit, program: string, packageName: string): AppError | undefined {
  if (exit.startError === null && exit.code !== notFoundStatus) return undefined;
  return new AppError("tool_missing", `the program ${program} was not found`, {
    hint: `install the package ${packageName}, or add the program's directory to PATH`,
  });
}

/** The end of what the program said, in one line. */
export function lastWords(exit: ToolExit): string {
  const lines = exit.stderr.split("\n").map((line) => line.trim());
  const said = lines.filter((line) => line !== "" && !noise.some((start) => line.startsWith(start)));
  if (said.length > 0) return said.slice(-2).join("; ").slice(0, 300);
  return exit.signal === null ? `exit status ${exit.code}` : `killed by ${exit.signal}`;
}
