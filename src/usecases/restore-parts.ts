// Puts the parts of one source into a target, in two steps: `agreeToTarget` looks and asks before anything is replaced (the
// caller then makes a safety backup), `restoreParts` restores beside the original where the engine can, compares rows, and
// only then swaps.

import { AppError, toAppError, type ErrorCode } from "../domain/error.ts";
import { compareRowCounts } from "../domain/backup/compare-row-counts.ts";
import type { RowCounts } from "../domain/backup/manifest.ts";
import { globalsFirst } from "../domain/backup/part-format.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { RestoreMode, RestoreOptions, RestorePart, RestoreTarget, Source, TargetState } from "../ports/source.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { countBytes } from "./meter.ts";
import { tagStage } from "./stage-error.ts";
import { watchStall } from "./watch-stall.ts";

export interface PlainPart {
  readonly name: string;
  readonly format: string;
  readonly facts: RestorePart["facts"];
  readonly plainBytes: number | null;
  /** Opens the plain stream from its beginning; may be called twice. */
  open(signal: AbortSignal): ByteStream;
}

export interface RestorePartsRequest {
  readonly source: Source;
  readonly parts: readonly PlainPart[];
  readonly rowCounts: RowCounts | null;
  readonly database: string;
  readonly mode: RestoreMode;
  readonly stopConnections: boolean;
  readonly options: RestoreOptions;
}

export interface RestoreOutcome {
  /** Null where nothing was counted. */
  readonly tables: number | null;
  readonly rows: number | null;
  /** True when every table has the rows that were counted for the dump. */
  readonly compared: boolean;
}

/**
 * Throws `target_not_empty` for mode `create`, `confirmation_required` when `agree` says no, and what the target itself
 * has against being replaced: that is known before a safety backup of it is made.
 */
export async function agreeToTarget(
  request: Pick<RestorePartsRequest, "source" | "database" | "mode" | "stopConnections">,
  agree: (database: string, state: TargetState) => Promise<boolean>,
  signal: AbortSignal,
): Promise<TargetState> {
  const { source, database, mode, stopConnections } = request;
  const state = await source.inspectTarget(database, signal);
  if (!state.exists || state.empty) return state;
  if (mode === "create") {
    throw new AppError("target_not_empty", `${database} is there and not empty (${state.description})`, {
      hint: "restore into another name with --into-database, or replace it with --mode drop, clean or append",
    });
  }
  if (await agree(database, state)) {
    await using _opened = await source.openTarget({ database, mode, stopConnections, signal });
    return state;
  }
  throw new AppError("confirmation_required", `nobody agreed to change ${database} (${state.description})`, {
    hint: "type the target's name when asked, or give --yes",
  });
}

/**
 * Throws what the copy, its storage or the target answers (`speaksAgainstCopy` tells which), and `restore_failed` when the rows
 * differ from the dump's or a target that is changed in place was left half done.
 */
export async function restoreParts(
  deps: Pick<Deps, "settings" | "reach">,
  run: ActiveRun,
  request: RestorePartsRequest,
): Promise<RestoreOutcome> {
  const { source, database, mode, options } = request;
  if (request.parts.length === 0)
    throw new AppError("manifest_invalid", `the backup names no part to restore into ${database}`);
  const parts = globalsFirst(request.parts);
  const stall = new AbortController();
  const signal = AbortSignal.any([run.signal, stall.signal]);
  await using target = await source.openTarget({ database, mode, stopConnections: request.stopConnections, signal });
  if (!target.swaps) {
    run.log("info", "the target is changed in place: every part is checked to its end first");
    for (const part of parts) for await (const _chunk of part.open(signal));
  }
  let done = 0;
  const total = parts.reduce((sum, part) => sum + (part.plainBytes ?? 0), 0);
  for (const part of parts) {
    run.log("info", `restoring ${part.name} into ${database}`);
    const before = done;
    const counted = countBytes(part.open(signal), (bytes) => {
      done = before + bytes;
      run.advance(done, total === 0 ? undefined : total);
    });
    const watched = watchStall(
      counted,
      deps.settings.stallTimeoutMs,
      () => readStall(part.name),
      (error) => stall.abort(error),
    );
    const restoring = target.restore({ format: part.format, stream: watched, facts: part.facts }, options, signal);
    const report = await (target.swaps ? restoring : restoring.catch(changedInPlace(database)));
    for (const warning of report.warnings) run.warn(warning);
  }
  deps.reach("restore.loaded");
  const outcome = await compareRows(run, request, target, signal);
  run.signal.throwIfAborted();
  await target.commit();
  deps.reach("restore.committed");
  return outcome;
}

/** Another copy must not be restored on top of what this one has already changed. */
function changedInPlace(database: string): (error: unknown) => never {
  return (error) => {
    const failure = toAppError(error);
    if (!speaksAgainstCopy(failure)) throw failure;
    throw new AppError(
      "restore_failed",
      `${database} was being changed in place when reading failed: ${failure.message}`,
      {
        hint: "it holds a part of the backup now; restore again, or restore the safety backup",
        cause: failure,
      },
    );
  };
}

const copyErrors: ReadonlySet<ErrorCode> = new Set([
  "backup_corrupt",
  "backup_unencrypted",
  "manifest_invalid",
  "object_not_found",
  "stalled",
  "storage_auth_failed",
  "storage_failed",
  "storage_unreachable",
]);

/** True for what speaks against this copy or this storage, not against the target or the dump. */
export function speaksAgainstCopy({ code }: AppError): boolean {
  return copyErrors.has(code);
}

async function compareRows(
  run: ActiveRun,
  request: RestorePartsRequest,
  target: RestoreTarget,
  signal: AbortSignal,
): Promise<RestoreOutcome> {
  const { rowCounts, options, mode } = request;
  const isWhole =
    !options.schemaOnly && !options.dataOnly && options.tables.length === 0 && mode !== "append" && mode !== "clean";
  // Counting reads every row once more: only for something to compare with.
  if (rowCounts === null || !isWhole) return { tables: null, rows: null, compared: false };
  const restored = await target.countRows(signal);
  const rows = restored.reduce((sum, table) => sum + table.rows, 0);
  const outcome = { tables: restored.length, rows: restored.length === 0 ? null : rows };
  const differences = compareRowCounts(rowCounts.tables, restored);
  if (differences.length === 0) {
    run.log("info", `${restored.length} tables and ${rows} rows are those of the dump`);
    return { ...outcome, compared: true };
  }
  throw tagStage(
    new AppError("restore_failed", `the restored rows differ from the dump's: ${differences.slice(0, 5).join("; ")}`, {
      hint: "the target was left as it was; restore from another backup and look for triggers that change rows",
      details: { differences },
    }),
    "restore",
  );
}

function readStall(part: string): AppError {
  return new AppError("stalled", `no byte of ${part} arrived from the storage in time`, {
    hint: "check the network and the storage, or raise BACKUP_STALL_TIMEOUT_SECONDS",
    retryable: true,
  });
}
