// Problems as lines that editors and terminals can jump from: file:line:column.

import type { ConfigProblem } from "../../domain/project/project.ts";
import { processEnvironment } from "./environment.ts";

export function renderProblem(problem: ConfigProblem): string {
  const { severity, file, line, column, path, message, hint } = problem;
  const place = file === processEnvironment ? file : `${file}:${line}:${column}`;
  const key = path === "" ? "" : ` ${path}:`;
  return `${place}: ${severity}:${key} ${message}${hint === undefined ? "" : ` (${hint})`}`;
}
