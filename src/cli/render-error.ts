// An error as a person reads it: what failed, what to do, and with --verbose what lies beneath.

import type { AppError } from "../domain/error.ts";
import type { ConfigProblem } from "../domain/project/project.ts";
import { redactValue } from "../domain/run/redact.ts";
import { paint } from "./paint.ts";
import type { CliContext } from "./context.ts";

export function renderError(context: Pick<CliContext, "globals" | "terminal">, error: AppError): void {
  const { terminal, globals } = context;
  if (globals.json) {
    const { code, message, hint, details } = error;
    const told = redactValue({ message, hint: hint ?? null, details }, terminal.mask);
    terminal.print(JSON.stringify({ error: { code, ...told } }));
    return;
  }
  terminal.note(`${paint(context, "red", "error:")} ${error.message}`);
  const problems = error.details["problems"];
  if (Array.isArray(problems))
    for (const problem of problems as ConfigProblem[]) terminal.note(renderProblem(context, problem));
  if (error.hint !== undefined) terminal.note(`${paint(context, "cyan", "hint:")} ${error.hint}`);
  if (globals.verbose)
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) terminal.note(`cause: ${cause.message}`);
}

export function renderProblem(context: Pick<CliContext, "globals" | "terminal">, problem: ConfigProblem): string {
  const color = problem.severity === "error" ? "red" : "yellow";
  // A variable of the process environment stands in no file.
  const place = problem.file === "environment" ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const path = problem.path === "" ? "" : ` ${problem.path}:`;
  const hint = problem.hint === undefined ? "" : ` (${problem.hint})`;
  return `${place}: ${paint(context, color, `${problem.severity}:`)}${path} ${problem.message}${hint}`;
}
