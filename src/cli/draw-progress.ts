// The progress of runs on the terminal: one line that is drawn over, with bytes, rate and stage; without a terminal only
// the log lines.

import type { RunEvent } from "../domain/run/run.ts";
import type { CliContext } from "./context.ts";
import { paint } from "./paint.ts";
import { formatBytes, formatDuration } from "./render-table.ts";

export interface ProgressView {
  show(event: RunEvent): void;
}

const barWidth = 24;

export function drawProgress(context: CliContext): ProgressView {
  const { terminal, globals } = context;
  const animated = terminal.isOutputTerminal && !globals.quiet && !globals.json;
  let startedAt = performance.now();
  let stage = "";
  let isDrawn = false;

  function clear(): void {
    if (isDrawn) terminal.draw("\r\u001b[K");
    isDrawn = false;
  }

  function draw(line: string): void {
    if (!animated) return;
    terminal.draw(`\r\u001b[K${line.slice(0, terminal.columns - 1)}`);
    isDrawn = true;
  }

  return {
    show(event) {
      switch (event.type) {
        case "started":
          startedAt = performance.now();
          return;
        case "stage":
          if (event.record.outcome !== "running") return;
          stage = event.record.stage;
          startedAt = performance.now();
          draw(`${stage} …`);
          return;
        case "progress": {
          const { bytesDone, bytesTotal } = event.progress;
          const elapsedMs = performance.now() - startedAt;
          const rate = elapsedMs > 0 ? (bytesDone / elapsedMs) * 1000 : 0;
          const share = bytesTotal === undefined ? undefined : Math.min(1, bytesDone / bytesTotal);
          const bar = share === undefined ? "" : `[${"█".repeat(Math.round(share * barWidth)).padEnd(barWidth, "░")}] `;
          const of = bytesTotal === undefined ? "" : ` of about ${formatBytes(bytesTotal)}`;
          draw(`${stage} ${bar}${formatBytes(bytesDone)}${of}, ${formatBytes(rate)}/s, ${formatDuration(elapsedMs)}`);
          return;
        }
        case "log": {
          const { level, message } = event.line;
          const isShown =
            level === "debug"
              ? globals.verbose
              : level === "info"
                ? !globals.quiet
                : level === "warn"
                  ? !globals.quiet
                  : false;
          if (!isShown) return;
          clear();
          terminal.note(level === "warn" ? `${paint(context, "yellow", "warning:")} ${message}` : message);
          return;
        }
        case "finished":
          clear();
      }
    },
  };
}
