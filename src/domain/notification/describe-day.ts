// The daily summary: one line per project, the newest run of the last 24 hours.

import type { Run } from "../run/run.ts";
import { dumpSizeOf, durationOf, oneLine, snapshotOf } from "./describe-run.ts";
import type { Notice } from "./notice.ts";
import { dateText, isoText, sizeText, spanText } from "./words.ts";

export interface ProjectDay {
  readonly project: string;
  /** Its finished backup runs of the day, newest first; empty when none ended. */
  readonly runs: readonly Run[];
}

/** `id` tells one receiver's summary of a day from another's. */
export function describeDay(
  id: string,
  days: readonly ProjectDay[],
  around: { readonly timeZone: string; readonly at: number },
): Notice {
  const ran = days.filter(({ runs }) => runs.length > 0);
  const good = ran.filter(({ runs }) => runs[0]!.status === "succeeded").length;
  const date = dateText(around.at, around.timeZone);
  const text = [
    `📊 Daily Backup Summary — ${date}`,
    ...days.map(dayLine),
    `Total: ${good}/${ran.length} successful | Next run: per project schedule`,
  ];
  return {
    id,
    event: "daily_summary",
    project: null,
    subject: "summary",
    text: text.join("\n"),
    data: {
      date,
      successful: good,
      total: ran.length,
      projects: days.map(dayData),
      timestamp: isoText(around.at, around.timeZone),
    },
  };
}

function dayLine({ project, runs }: ProjectDay): string {
  const [last] = runs;
  if (last === undefined) return `➖ ${project} — no run`;
  const good = runs.filter(({ status }) => status === "succeeded").length;
  const several = runs.length > 1 ? ` — ${good}/${runs.length} runs` : "";
  if (last.status !== "succeeded")
    return `❌ ${project} — FAILED — ${oneLine(last.error?.message ?? "unknown")}${several}`;
  const mark = last.partial ? "⚠️" : "✅";
  const name = snapshotOf(last) ?? last.backupId ?? "none";
  return `${mark} ${project} — ${sizeText(dumpSizeOf(last))} — ${spanText(durationOf(last))} — ${name}${several}`;
}

function dayData({ project, runs }: ProjectDay): Readonly<Record<string, unknown>> {
  const [last] = runs;
  if (last === undefined) return { project_name: project, status: null, runs: 0 };
  return {
    project_name: project,
    status: last.status === "succeeded" ? "success" : "failed",
    run_id: last.id,
    runs: runs.length,
    failed_runs: runs.filter(({ status }) => status !== "succeeded").length,
    dump_size_bytes: dumpSizeOf(last),
    duration_ms: durationOf(last),
    snapshot_id: snapshotOf(last) ?? null,
    backup_id: last.backupId,
    error_message: last.error?.message ?? null,
  };
}
