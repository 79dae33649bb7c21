// The daemon's log on stderr: every line with its time, those of runs with their project.

import type { LogLevel, RunEvent } from "../domain/run/run.ts";
import type { CliContext } from "../cli/context.ts";
import { paint } from "../cli/paint.ts";
import { describeRun } from "../cli/run-view.ts";

export interface RunLog {
  log(level: LogLevel, message: string): void;
  show(event: RunEvent): void;
}

export function logRuns(context: CliContext): RunLog {
  const { globals, terminal } = context;
  const projects = new Map<string, string>();

  function log(level: LogLevel, message: string): void {
    const isShown = level === "error" || (level === "debug" ? globals.verbose : !globals.quiet);
    if (!isShown) return;
    const color = level === "error" ? "red" : level === "warn" ? "yellow" : undefined;
    const word = level.padEnd(5);
    const shown = color === undefined ? word : paint(context, color, word);
    terminal.note(`${new Date().toISOString()} ${shown} ${message}`);
  }

  return {
    log,
    show(event) {
      if (event.type === "started") {
        projects.set(event.run.id, event.run.project);
        log("info", `${event.run.project}: ${event.run.kind} begins (${event.run.trigger})`);
      } else if (event.type === "log") {
        log(event.line.level, `${projects.get(event.runId) ?? event.runId}: ${event.line.message}`);
      } else if (event.type === "finished") {
        projects.delete(event.run.id);
        log(event.run.status === "succeeded" ? "info" : "error", describeRun(context, event.run));
      }
    },
  };
}
