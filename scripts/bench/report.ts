// The table of results, as Markdown, with what was asked for beside what was measured.

import { cpus, totalmem } from "node:os";

export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly asked: string;
  readonly met: boolean;
}

const rows: Row[] = [];

export function addRow(row: Row): void {
  rows.push(row);
  process.stderr.write(`${row.met ? "met   " : "MISSED"} ${row.what}: ${row.measured} (asked: ${row.asked})\n`);
}

export function addRatio(what: string, ours: number, plain: number, atMost: number): void {
  const ratio = ours / plain;
  const measured = `${ratio.toFixed(2)} × (${ours.toFixed(2)} s against ${plain.toFixed(2)} s)`;
  addRow({ what, measured, asked: `at most ${atMost.toFixed(2)} ×`, met: ratio <= atMost });
}

export function addMemory(what: string, peakBytes: number, atMostMegabytes: number): void {
  const megabytes = peakBytes / 1e6;
  addRow({
    what,
    measured: `${megabytes.toFixed(0)} MB`,
    asked: `at most ${atMostMegabytes} MB`,
    met: megabytes <= atMostMegabytes,
  });
}

export function renderReport(command: string): string {
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 1e9)} GB of memory, ${process.platform} ${process.arch}`;
  const lines = rows.map(
    (row) => `| ${row.what} | ${row.measured} | ${row.asked} | ${row.met ? "met" : "**missed**"} |`,
  );
  return [
    `Measured by \`${command}\` on ${machine}; medians of alternating runs.`,
    "",
    "| what | measured | asked | |",
    "|---|---|---|---|",
    ...lines,
  ].join("\n");
}
