// Which conditions stand, from what the state store holds and what the schedules ask for: a daemon that hangs, or that nobody
// started, is found by it too.

import { judgeFreshness } from "../health/freshness.ts";
import type { Project } from "../project/project.ts";
import type { Run } from "../run/run.ts";
import { scheduleKey, type ScheduleEntry } from "../schedule/daemon-schedules.ts";
import type { ScheduleMark, SlotRecord } from "../schedule/slot-record.ts";
import { nextSlot } from "../schedule/slots.ts";
import type { AlertCondition } from "./alert.ts";

export interface AlertFacts {
  readonly projects: readonly Project[];
  readonly entries: readonly ScheduleEntry[];
  readonly marks: readonly ScheduleMark[];
  /** Start of the newest successful backup per project, epoch ms. */
  readonly successes: ReadonlyMap<string, number>;
  readonly queued: readonly SlotRecord[];
  /** The newest run per project. */
  readonly backups: readonly Run[];
  readonly verifications: readonly Run[];
  readonly now: number;
}

/** A daemon that starts needs some time to catch up. */
const startGraceMs = 10 * 60_000;
/** Waiting for other runs is not yet a fault. */
const queueGraceMs = 60 * 60_000;
const stagesAfterCommit = /^(prune|cleanup|post_hook): /;

/** Of enabled projects only. The same facts give the same conditions. */
export function findConditions(facts: AlertFacts): readonly AlertCondition[] {
  const enabled = new Set(facts.projects.filter((project) => project.enabled).map(({ name }) => name));
  const conditions = [
    ...findNotStarted(facts),
    ...findQueuedLong(facts),
    ...findOldBackups(facts),
    ...findNotVerified(facts),
    ...findAfterCommit(facts),
  ];
  return conditions.filter(({ project }) => enabled.has(project));
}

function* findNotStarted({ entries, marks, now }: AlertFacts): Generator<AlertCondition> {
  const known = new Map(marks.map((mark) => [scheduleKey(mark), mark]));
  for (const entry of entries) {
    const mark = known.get(scheduleKey(entry));
    if (mark === undefined || mark.rule !== `${entry.cron} ${entry.timeZone}`) continue;
    const due = nextSlot(entry, Math.max(mark.since, mark.judgedUntil));
    if (due === undefined || due > now - startGraceMs) continue;
    const message = `the ${entry.kind} of ${entry.project} (schedule ${entry.schedule}) that was due at ${isoMinute(due)} did not start`;
    yield { kind: "did_not_start", project: entry.project, subject: entry.schedule, message };
  }
}

function* findQueuedLong({ queued, now }: AlertFacts): Generator<AlertCondition> {
  for (const { project, schedule, slotAt, kind, status, reason } of queued) {
    if (status !== "queued" || now - slotAt <= queueGraceMs) continue;
    const why = reason === null ? "" : `: ${reason}`;
    const message = `the ${kind} of ${project} (schedule ${schedule}) that was due at ${isoMinute(slotAt)} is still queued${why}`;
    yield { kind: "did_not_start", project, subject: schedule, message };
  }
}

function* findOldBackups({ projects, marks, successes, now }: AlertFacts): Generator<AlertCondition> {
  const since = new Map<string, number>();
  for (const mark of marks) since.set(mark.project, Math.min(since.get(mark.project) ?? mark.since, mark.since));
  for (const project of projects) {
    const { name } = project;
    const newest = successes.get(name);
    const from = newest ?? since.get(name);
    if (from === undefined) continue;
    const { isStale, limitMs, rule } = judgeFreshness(project, from, now);
    if (!isStale || limitMs === null) continue;
    const asked = rule === "rpo_minutes" ? "rpo_minutes" : "twice the interval of its schedule";
    const age = `${asked} (${describeSpan(limitMs)})`;
    const message =
      newest === undefined
        ? `no backup of ${name} has succeeded for longer than ${age}`
        : `the newest backup of ${name}, of ${isoMinute(newest)}, is older than ${age}`;
    yield { kind: "rpo", project: name, subject: "", message };
  }
}

function* findNotVerified({ backups, verifications }: AlertFacts): Generator<AlertCondition> {
  const drilled = new Map(backups.map((run) => [run.project, run]));
  for (const run of verifications) {
    const backup = drilled.get(run.project);
    // A later backup that was drilled and passed makes the older verdict history.
    if (backup !== undefined && backup.createdAt > run.createdAt && backup.result["verified"] === true) continue;
    if (run.error?.code !== "verify_failed") continue;
    yield { kind: "not_verified", project: run.project, subject: "", message: run.error.message };
    drilled.delete(run.project);
  }
  for (const run of drilled.values()) {
    // Not verified is no verdict: most backups are never drilled.
    if (run.status !== "succeeded" || run.result["drill"] !== "failed") continue;
    const later = verifications.find(({ project }) => project === run.project);
    if (later !== undefined && later.createdAt > run.createdAt && later.status === "succeeded") continue;
    const message = `backup ${run.backupId} of ${run.project} did not pass its drill: it is kept, and not proven to restore`;
    yield { kind: "not_verified", project: run.project, subject: "", message };
  }
}

function* findAfterCommit({ backups }: AlertFacts): Generator<AlertCondition> {
  for (const { project, status, warnings } of backups) {
    if (status !== "succeeded") continue;
    for (const warning of warnings) {
      const stage = stagesAfterCommit.exec(warning)?.[1];
      if (stage === undefined) continue;
      const message = `the backup of ${project} succeeded, what came after it did not: ${warning}`;
      yield { kind: "after_commit", project, subject: stage, message };
    }
  }
}

function isoMinute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16)}Z`;
}

function describeSpan(spanMs: number): string {
  const hours = spanMs / 3_600_000;
  if (hours < 1) return `${Math.round(spanMs / 60_000)} min`;
  return hours < 72 ? `${Math.round(hours * 10) / 10} h` : `${Math.round(hours / 24)} days`;
}
