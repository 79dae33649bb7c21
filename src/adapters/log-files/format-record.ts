// A line of the log: time with its zone, level, what happened, and the run that it belongs to.

import { isoText } from "../../domain/notification/words.ts";
import type { LogLevel } from "../../domain/run/run.ts";

export interface LogRecord {
  /** Epoch ms; now when absent. */
  readonly at?: number;
  readonly message: string;
  readonly run?: string;
  readonly project?: string;
  readonly [fact: string]: unknown;
}

/** Projects of runs are remembered from their first line on, so that every line of a run names both. */
export function createFormatter(timeZone: string): (at: number, level: LogLevel, record: LogRecord) => string {
  const projects = new Map<string, string>();
  return (at, level, { at: _at, message, run, project, ...facts }) => {
    if (run !== undefined && project !== undefined) projects.set(run, project);
    const ofRun = run === undefined ? {} : { run, project: project ?? projects.get(run) };
    if (facts["status"] !== undefined && run !== undefined) projects.delete(run);
    const line = { timestamp: isoText(at, timeZone), level, message, ...ofRun, ...facts };
    return `${JSON.stringify(line)}\n`;
  };
}
