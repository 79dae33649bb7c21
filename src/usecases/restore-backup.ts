// Restores a backup of a project into a database and, if asked, its files to where they were or elsewhere.

import { archivedPaths } from "../domain/backup/archived-paths.ts";
import { AppError, toAppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import type { Project, SourceSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { RestoreMode, RestoreOptions, TargetState } from "../ports/source.ts";
import type { Deps } from "./deps.ts";
import { beginStretching } from "./begin-stretching.ts";
import { executeRun, tellUnlessBegun, type ActiveRun } from "./execute-run.ts";
import { findBackup, type FoundBackup } from "./find-backup.ts";
import { holdForReading } from "./hold-for-reading.ts";
import { readProvenManifest } from "./open-decipher.ts";
import { openPlainPart } from "./open-plain-part.ts";
import { trustedCopies, type AgreeToUnencrypted, type TrustedBackup } from "./refuse-unencrypted.ts";
import type { Holder } from "./read-holders.ts";
import { hasLooseAssets, receiveAssets } from "./receive-assets.ts";
import {
  agreeToTarget,
  restoreParts,
  speaksAgainstCopy,
  type PlainPart,
  type RestoreOutcome,
  type RestorePartsRequest,
} from "./restore-parts.ts";
import { makeSafetyBackup } from "./safety-backup.ts";

export interface RestoreBackupRequest {
  readonly project: Project;
  readonly reference: string;
  readonly storage?: string | undefined;
  /** The project whose server takes the data; the backup's own when absent. */
  readonly targetProject: Project;
  readonly intoDatabase: string | null;
  /** `original`, a directory, or null to leave the files alone. */
  readonly assets: string | null;
  readonly mode: RestoreMode;
  readonly stopConnections: boolean;
  readonly options: RestoreOptions;
  readonly safetyBackup: boolean;
  /** Asked before data is replaced. */
  agree(database: string, state: TargetState): Promise<boolean>;
  /** Asked before a plain backup of a project that encrypts is used; absent: it is refused. */
  readonly agreeToUnencrypted?: AgreeToUnencrypted;
  readonly signal: AbortSignal;
}

/** Throws `lock_held` when another run works on the target's project. */
export async function restoreBackup(deps: Deps, request: RestoreBackupRequest): Promise<Run> {
  beginStretching(deps, request.project);
  const { targetProject, signal } = request;
  const run = { project: targetProject.name, kind: "restore", trigger: "manual", signal } as const;
  await using _lock = await tellUnlessBegun(deps, run, () => deps.lock.acquire(targetProject.name, "restore"));
  return await executeRun(deps, run, (active) => active.stage("restore", () => restore(deps, active, request)));
}

async function restore(deps: Deps, run: ActiveRun, request: RestoreBackupRequest): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const found = await findBackup(deps, { ...request, log: run.log, signal: run.signal }, stack);
  run.update({ backupId: found.manifest.backupId });
  await holdForReading(deps, run, request.project.name, found.manifest.backupId, stack);
  const trusted = await trustedCopies(run, request.project, found, request.agreeToUnencrypted);
  const started = deps.clock.monotonicMs();
  if (request.intoDatabase !== null) {
    await restoreSource(deps, run, request, trusted, databaseOf(request, found.manifest), request.intoDatabase);
  }
  if (request.assets !== null) {
    await restoreSource(deps, run, request, trusted, assetsOf(request, found.manifest), request.assets);
  }
  run.report({ restoreMs: Math.round(deps.clock.monotonicMs() - started) });
}

async function restoreSource(
  deps: Deps,
  run: ActiveRun,
  request: RestoreBackupRequest,
  { found, unencrypted }: TrustedBackup,
  spec: SourceSpec,
  database: string,
): Promise<void> {
  const source = await deps.openSource(spec, run.log);
  const state = await agreeToTarget({ ...request, source, database }, request.agree, run.signal);
  if (state.exists && !state.empty && request.safetyBackup) {
    await makeSafetyBackup(deps, run, request.targetProject, spec, database);
  }
  await fromFirstGoodStorage(run, found, async (holder) => {
    const { store } = holder.storage;
    const { manifest, cipher } = await readProvenManifest(deps, request.project, holder, unencrypted, run.signal);
    const described = manifest.sources.find((candidate) => candidate.name === spec.name);
    const parts: PlainPart[] = manifest.parts
      .filter((part) => part.source === spec.name)
      .map((part) => ({
        name: part.name,
        format: part.format,
        // A manifest whose part belongs to no source is refused when it is read.
        facts: described!.facts,
        plainBytes: part.plainBytes,
        open: (signal) => openPlainPart(deps, { store, backupId: manifest.backupId, part, cipher, signal }),
      }));
    const isLoose = parts.length === 0 && described?.type === "files" && hasLooseAssets(manifest);
    const restoreInto = isLoose ? restoreLooseAssets : restoreParts;
    const outcome = await restoreInto(deps, run, {
      source,
      holder,
      manifest,
      parts,
      rowCounts: described?.rowCounts ?? null,
      database,
      mode: request.mode,
      stopConnections: request.stopConnections,
      options: request.options,
    });
    run.report({ [spec.name]: { ...outcome, storage: holder.storage.name, into: database } });
    run.log(
      "info",
      `restored ${spec.name} of backup ${manifest.backupId} into ${database} from ${holder.storage.name}`,
    );
  });
}

/** Asset paths of a repository, put in place by one swap like those of an archive. */
async function restoreLooseAssets(
  deps: Pick<Deps, "reach">,
  run: ActiveRun,
  request: Omit<RestorePartsRequest, "parts"> & { readonly holder: Holder; readonly manifest: Manifest },
): Promise<RestoreOutcome> {
  const { source, database, mode, stopConnections, holder, manifest } = request;
  const { signal } = run;
  await using target = await source.openTarget({ database, mode, stopConnections, signal });
  for (const warning of await receiveAssets({ holder, manifest, target, log: run.log, signal, onBytes: run.advance }))
    run.warn(warning);
  deps.reach("restore.loaded");
  signal.throwIfAborted();
  await target.commit();
  deps.reach("restore.committed");
  return { tables: 0, rows: null, compared: false };
}

/** In the order of `found`. A copy or storage that fails is a warning, unless it is the last; other errors are thrown at once. */
export async function fromFirstGoodStorage<T>(
  run: Pick<ActiveRun, "warn" | "signal">,
  found: FoundBackup,
  work: (holder: FoundBackup["holders"][number]) => Promise<T>,
): Promise<T> {
  for (const [index, holder] of found.holders.entries()) {
    try {
      return await work(holder);
    } catch (error) {
      const failure = toAppError(error);
      const next = found.holders[index + 1];
      if (run.signal.aborted || next === undefined || !speaksAgainstCopy(failure)) throw failure;
      run.warn(`storage ${holder.storage.name}: ${failure.message}; trying ${next.storage.name}`);
    }
  }
  throw new AppError("backup_not_found", `no storage holds backup ${found.manifest.backupId}`);
}

function databaseOf(request: RestoreBackupRequest, manifest: Manifest): SourceSpec {
  const dumped = manifest.sources.find((source) => source.type !== "files");
  if (dumped === undefined) {
    throw new AppError("usage", `backup ${manifest.backupId} of ${manifest.project} holds no database`, {
      hint: "restore its files with --assets original or --assets PATH",
    });
  }
  return matching(request.targetProject, dumped.name, dumped.type);
}

function assetsOf(request: RestoreBackupRequest, manifest: Manifest): SourceSpec {
  const dumped = manifest.sources.find((source) => source.name === "assets");
  if (dumped !== undefined) {
    const own = request.targetProject.sources.find((source) => source.name === "assets");
    return own ?? { name: dumped.name, type: dumped.type, settings: { paths: archivedPaths(dumped), exclude: [] } };
  }
  throw new AppError("usage", `backup ${manifest.backupId} of ${manifest.project} holds no files`);
}

function matching(project: Project, name: string, type: string): SourceSpec {
  const spec = project.sources.find((source) => source.name === name && source.type === type);
  if (spec !== undefined) return spec;
  throw new AppError("unsupported", `project ${project.name} has no ${type} database to restore into`, {
    hint: "name a project with a database of the same type by --target",
  });
}
