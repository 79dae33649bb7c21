// The messages about a run: document 1, section 13, word for word where it has a form, and the same manner elsewhere.

import type { Run, RunStage } from "../run/run.ts";
import type { Notice, NoticeEvent, NoticeOutcome } from "./notice.ts";
import { countText, isoText, minutesText, sizeText, spanText, timeText } from "./words.ts";

/** What the messages say beyond the run itself. */
export interface RunSurroundings {
  readonly timeZone: string;
  /** BACKUP_RETRY_COUNT. */
  readonly retryCount: number;
  /** The database's own name; null for a project of files alone. */
  readonly database: string | null;
  readonly isEncrypted: boolean;
  readonly isVerified: boolean;
  /** Its dumps go to a restic repository. */
  readonly usesRestic: boolean;
}

/** Kinds of runs that are told from beginning to end; of the others only a failure is. */
const told: Readonly<Partial<Record<Run["kind"], string>>> = { backup: "Backup", restore: "Restore" };
const failing: Readonly<Partial<Record<Run["kind"], string>>> = {
  ...told,
  verify: "Verification",
  prune: "Prune",
  check: "Check",
};
const warningsShown = 10;
const warningsKept = 100;
const longestLine = 1_000;
/** Of an error in the data: some receivers refuse what is too long. */
const longestError = 8_000;

export interface LateRun {
  readonly elapsedMs: number;
  readonly thresholdMs: number;
  readonly stage: RunStage | null;
}

export function tellsStart(kind: Run["kind"]): boolean {
  return told[kind] !== undefined;
}

/** Undefined for kinds of runs whose start is not told. */
export function describeStart(run: Run, around: RunSurroundings): Notice | undefined {
  const word = told[run.kind];
  if (word === undefined) return undefined;
  const text = [`🔄 ${word} started — ${run.project}`, `Time: ${timeText(startOf(run), around.timeZone)}`];
  return notice(run, "1-start", run.kind === "backup" ? "backup_started" : "restore_started", text, {
    ...identity(run),
    status: "started",
    timestamp: isoText(startOf(run), around.timeZone),
  });
}

/** Undefined when there is nothing to tell: a verification that passed, a prune that worked. */
export function describeEnd(run: Run, around: RunSurroundings): Notice | undefined {
  if (run.status === "succeeded") return describeSuccess(run, around);
  const word = failing[run.kind];
  if (word === undefined || run.error === null) return undefined;
  const dumpFile = textOf(run, "dumpFile");
  const retries = run.kind === "backup" ? ` | Retry: ${run.retryCount}/${around.retryCount}` : "";
  const text = [
    `❌ ${word} failed — ${run.project}`,
    `Stage: ${stageText(run.error.stage, around)}${retries}`,
    `Error: ${oneLine(run.error.message)}`,
    ...(dumpFile === undefined ? [] : [`Dump file: ${dumpFile}`]),
    `Duration: ${spanText(durationOf(run))}`,
  ];
  const data = { ...endData(run, around), error_stage: run.error.stage, error_message: cut(run.error.message) };
  return { ...notice(run, "3-end", failureEvent(run), text, data), outcome: outcomeOf(run) };
}

/** Warnings of a run that succeeded all the same, in one message. */
export function describeWarnings(run: Run, warnings: readonly string[], around: RunSurroundings): Notice | undefined {
  const word = failing[run.kind];
  if (word === undefined || run.status !== "succeeded" || warnings.length === 0) return undefined;
  const more = warnings.length - warningsShown;
  const text = [
    `⚠️ ${word} warning — ${run.project}`,
    ...warnings.slice(0, warningsShown).map(oneLine),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
  return notice(run, "5-warnings", "backup_warning", text, {
    ...endData(run, around),
    warnings: warnings.slice(0, warningsKept).map(cut),
  });
}

/** A backup that is there, but did not restore when it was tried. */
export function describeFailedDrill(run: Run, around: RunSurroundings): Notice | undefined {
  if (run.kind !== "backup" || run.status !== "succeeded" || run.result["drill"] !== "failed") return undefined;
  const reason = run.warnings.find((warning) => warning.startsWith("verify: "))?.slice("verify: ".length);
  const text = [
    `❌ Verification failed — ${run.project}`,
    `Backup: ${run.backupId ?? "none"}`,
    `Error: ${oneLine(reason ?? "the backup did not restore")}`,
    `Duration: ${spanText(durationOf(run))}`,
  ];
  const failed = notice(run, "4-drill", "verify_failed", text, endData(run, around));
  return { ...failed, subject: `${run.project}/verify` };
}

/**
 * That the trouble of an earlier run is over, where the end itself is no news to people: for receivers that keep it open.
 * A backup that passed its drill ends the trouble of failed verifications as well.
 */
export function describeTroubleOver(run: Run, around: RunSurroundings): Notice | undefined {
  if (run.status !== "succeeded") return undefined;
  const kind = run.kind === "backup" && run.result["drill"] === "passed" ? "verify" : run.kind;
  const word = failing[kind];
  if (word === undefined || told[kind] !== undefined) return undefined;
  const text = [`✅ ${word} passed — ${run.project}`, `Duration: ${spanText(durationOf(run))}`];
  const over = notice(run, "6-over", "trouble_over", text, {
    ...identity(run),
    status: "success",
    timestamp: isoText(run.finishedAt ?? startOf(run), around.timeZone),
  });
  return { ...over, subject: `${run.project}/${kind}` };
}

/** A run that takes longer than it should and goes on. */
export function describeLateRun(run: Run, late: LateRun, around: RunSurroundings): Notice {
  const word = told[run.kind] ?? "Run";
  const text = [
    `⚠️ ${word} timeout warning — ${run.project}`,
    `Elapsed: ${minutesText(late.elapsedMs)} | Timeout threshold: ${minutesText(late.thresholdMs)}`,
    `Current stage: ${stageText(late.stage ?? "dump", around)}`,
    `${word} is still running — this is a warning, not a failure.`,
  ];
  return notice(run, "2-late", "backup_warning", text, {
    ...identity(run),
    status: "started",
    current_stage: late.stage,
    elapsed_ms: late.elapsedMs,
    threshold_ms: late.thresholdMs,
    timestamp: isoText(startOf(run) + late.elapsedMs, around.timeZone),
  });
}

function describeSuccess(run: Run, around: RunSurroundings): Notice | undefined {
  const word = told[run.kind];
  if (word === undefined) return undefined;
  const body = run.kind === "backup" ? backupLines(run, around) : restoreLines(run);
  const text = [`✅ ${word} completed — ${run.project}`, ...body, `Duration: ${spanText(durationOf(run))}`];
  const event = run.kind === "backup" ? "backup_success" : "restore_success";
  return { ...notice(run, "3-end", event, text, endData(run, around)), outcome: outcomeOf(run) };
}

function backupLines(run: Run, around: RunSurroundings): readonly string[] {
  const snapshot = snapshotOf(run);
  const mode = textOf(run, "snapshotMode") ?? "combined";
  const changes = [
    labelled("New files", numberOf(run, "filesNew")),
    labelled("Changed", numberOf(run, "filesChanged")),
    labelled("Added", numberOf(run, "bytesAdded"), sizeText),
  ].filter((part) => part !== undefined);
  const pruned = numberOf(run, "pruneSnapshotsRemoved") ?? numberOf(run, "removedBackups");
  const cleaned = numberOf(run, "localFilesCleaned");
  const tidied = [
    labelled("Pruned", pruned, (count) => countText(count, snapshot === undefined ? "backup" : "snapshot")),
    labelled("Local cleaned", cleaned, (count) => countText(count, "file")),
  ].filter((part) => part !== undefined);
  const missing = (listOf(run, "failedStorages") ?? []).map((entry) => String((entry as { name?: unknown }).name));
  return [
    [
      ...(around.database === null ? [] : [`DB: ${around.database}`]),
      `Dump: ${sizeText(dumpSizeOf(run))}`,
      `Encrypted: ${yesNo(isEncrypted(run, around))}`,
      `Verified: ${yesNo(isVerified(run, around))}`,
    ].join(" | "),
    snapshot === undefined
      ? `Backup: ${run.backupId ?? "none"} | Storages: ${storagesOf(run).join(", ")}`
      : `Snapshot: ${snapshot} | Mode: ${mode}`,
    ...(missing.length === 0 ? [] : [`Missing on: ${missing.join(", ")}`]),
    ...(changes.length === 0 ? [] : [changes.join(" | ")]),
    ...(tidied.length === 0 ? [] : [tidied.join(" | ")]),
  ];
}

function restoreLines(run: Run): readonly string[] {
  const into = ["database", "assets"]
    .map((name) => (run.result[name] as { into?: unknown } | undefined)?.into)
    .filter((place) => typeof place === "string");
  const place = into.length > 0 ? into.join(", ") : textOf(run, "targetPath");
  const parts = [
    ...(run.backupId === null ? [] : [`Backup: ${run.backupId}`]),
    ...(place === undefined ? [] : [`Into: ${place}`]),
  ];
  return parts.length === 0 ? [] : [parts.join(" | ")];
}

function endData(run: Run, around: RunSurroundings): Readonly<Record<string, unknown>> {
  const snapshot = snapshotOf(run);
  const archive = snapshot === undefined ? { backup_id: run.backupId, storages: storagesOf(run) } : {};
  return {
    ...identity(run),
    status: run.status === "succeeded" ? "success" : run.status === "running" ? "started" : "failed",
    snapshot_id: snapshot ?? null,
    dump_size_bytes: dumpSizeOf(run),
    encrypted: isEncrypted(run, around),
    verified: isVerified(run, around),
    duration_ms: durationOf(run),
    timestamp: isoText(run.finishedAt ?? startOf(run), around.timeZone),
    ...archive,
  };
}

function outcomeOf(run: Run): NoticeOutcome {
  return {
    db: run.project,
    status: run.status === "succeeded" ? "success" : "failure",
    bytes: dumpSizeOf(run),
    dest: run.status === "succeeded" ? placesOf(run).join(", ") : "",
    duration: durationOf(run) / 1000,
    ...(run.error === null ? {} : { error: cut(run.error.message) }),
  };
}

/** `local:shop/2026/…`; a repository alone has its snapshot in place of a stem. */
function placesOf(run: Run): readonly string[] {
  const storages = storagesOf(run);
  const snapshot = textOf(run, "snapshotId");
  const stem = textOf(run, "stem");
  if (snapshot !== undefined && storages.length <= 1) return [`${storages[0] ?? "snapshot"}:${snapshot}`];
  const archives = stem === undefined ? [] : storages.map((name) => `${name}:${stem}`);
  return [...archives, ...(snapshot === undefined ? [] : [`snapshot:${snapshot}`])];
}

/** A run's messages of the same millisecond keep the order of their phases. */
function notice(
  run: Run,
  phase: string,
  event: NoticeEvent,
  lines: readonly string[],
  data: Readonly<Record<string, unknown>>,
): Notice {
  const subject = `${run.project}/${run.kind}`;
  return { id: `${run.id}/${phase}`, event, project: run.project, subject, text: lines.join("\n"), data };
}

function failureEvent({ kind }: Run): NoticeEvent {
  if (kind === "backup") return "backup_failed";
  if (kind === "restore") return "restore_failed";
  return kind === "verify" ? "verify_failed" : "backup_warning";
}

/** `restic sync` where restic does it, else the stage's own name. */
export function stageText(stage: RunStage, around: Pick<RunSurroundings, "usesRestic">): string {
  return stage === "sync" && around.usesRestic ? "restic sync" : stage.replaceAll("_", " ");
}

function identity(run: Run): { readonly run_id: string; readonly project_name: string } {
  return { run_id: run.id, project_name: run.project };
}

function startOf(run: Run): number {
  return run.startedAt ?? run.createdAt;
}

/** Milliseconds; 0 for a run that has not ended. */
export function durationOf(run: Run): number {
  return Math.max(0, (run.finishedAt ?? startOf(run)) - startOf(run));
}

/** Bytes: of the staged dump, else of what is stored, else of what was read. */
export function dumpSizeOf(run: Run): number {
  return numberOf(run, "dumpSizeBytes") ?? numberOf(run, "sizeBytes") ?? run.bytes;
}

/** The short form that restic itself shows. */
export function snapshotOf(run: Run): string | undefined {
  return textOf(run, "snapshotId")?.slice(0, 8);
}

function isEncrypted(run: Run, around: RunSurroundings): boolean {
  const known = run.result["encrypted"];
  return typeof known === "boolean" ? known : around.isEncrypted;
}

function isVerified(run: Run, around: RunSurroundings): boolean {
  const known = run.result["verified"];
  return typeof known === "boolean" ? known : around.isVerified && run.status === "succeeded";
}

function storagesOf(run: Run): readonly string[] {
  return (listOf(run, "storages") ?? []).map(String);
}

function textOf(run: Run, key: string): string | undefined {
  const value = run.result[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(run: Run, key: string): number | undefined {
  const value = run.result[key];
  return typeof value === "number" ? value : undefined;
}

function listOf(run: Run, key: string): readonly unknown[] | undefined {
  const value = run.result[key];
  return Array.isArray(value) ? value : undefined;
}

function labelled(
  label: string,
  value: number | undefined,
  show: (value: number) => string = String,
): string | undefined {
  return value === undefined ? undefined : `${label}: ${show(value)}`;
}

function yesNo(flag: boolean): string {
  return flag ? "Yes" : "No";
}

function cut(text: string): string {
  return text.length > longestError ? `${text.slice(0, longestError)}…` : text;
}

/** Errors of tools can be long and have lines of their own; a message stays readable. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s*[\r\n]+\s*/g, " ").trim();
  return line.length > longestLine ? `${line.slice(0, longestLine)}…` : line;
}
