// Runs as JSON (a fixed interface) and as one line for people.

import type { Run } from "../domain/run/run.ts";
import { paint } from "./paint.ts";
import type { CliContext } from "./context.ts";
import { formatBytes, formatDuration } from "./render-table.ts";

export function runToJson(run: Run): Readonly<Record<string, unknown>> {
  return {
    id: run.id,
    project: run.project,
    kind: run.kind,
    status: run.status,
    partial: run.partial,
    backupId: run.backupId,
    startedAt: isoTime(run.startedAt),
    finishedAt: isoTime(run.finishedAt),
    durationMs: durationMsOf(run),
    bytes: run.bytes,
    warnings: run.warnings,
    error:
      run.error === null
        ? null
        : { code: run.error.code, stage: run.error.stage, message: run.error.message, hint: run.error.hint },
  };
}

export function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

export function durationMsOf(run: Run): number | null {
  return run.startedAt === null || run.finishedAt === null ? null : run.finishedAt - run.startedAt;
}

/** `shop: backup k3f9x2ab succeeded, 245 MB in 3m 12s` */
export function describeRun(context: CliContext, run: Run): string {
  const color = run.status === "succeeded" ? (run.partial ? "yellow" : "green") : "red";
  const status = paint(context, color, run.partial && run.status === "succeeded" ? "partly succeeded" : run.status);
  const duration = durationMsOf(run);
  const facts = [
    run.bytes > 0 ? `${formatBytes(run.bytes)} read` : "",
    typeof run.result["sizeBytes"] === "number" ? `${formatBytes(run.result["sizeBytes"])} stored` : "",
    duration === null ? "" : formatDuration(duration),
    run.warnings.length === 0 ? "" : `${run.warnings.length} warning${run.warnings.length === 1 ? "" : "s"}`,
  ].filter((fact) => fact !== "");
  const backup = run.backupId === null ? "" : ` ${run.backupId}`;
  return `${run.project}: ${run.kind}${backup} ${status} (${facts.join(", ")})`;
}

/** The error of a failed run, with its stage and hint, on stderr. */
export function noteRunError(context: CliContext, run: Run): void {
  if (run.error === null || context.globals.json) return;
  const { terminal } = context;
  terminal.note(`${paint(context, "red", "error:")} ${run.error.stage}: ${run.error.message}`);
  if (run.error.hint !== null) terminal.note(`${paint(context, "cyan", "hint:")} ${run.error.hint}`);
}
