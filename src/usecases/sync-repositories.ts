// Brings one staged backup into every repository: the asset paths and, last, the snapshot with the manifest, which is
// the commit. What a failed attempt made is removed again.

import { dirname } from "node:path";
import { AppError, toAppError } from "../domain/error.ts";
import { retentionScheduleOf, type Manifest } from "../domain/backup/manifest.ts";
import {
  backupTag,
  parseSnapshotTags,
  projectTag,
  snapshotTags,
  verificationTag,
  type SnapshotContent,
} from "../domain/backup/snapshot-tags.ts";
import type { Snapshot, SnapshotResult } from "../ports/repository.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import type { ReadyRepository } from "./preflight.ts";
import { groupSnapshots, type SnapshotGroup } from "./snapshot-groups.ts";
import type { StagedDump } from "./stage-dump.ts";
import { tagStage } from "./stage-error.ts";
import type { NamedRepository, StorageFailure } from "./named.ts";

export interface SyncRequest {
  readonly manifest: Manifest;
  readonly staged: StagedDump;
  readonly repositories: readonly ReadyRepository[];
}

export interface SyncedRepository extends NamedRepository {
  readonly group: SnapshotGroup;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly bytesAdded: number;
  readonly bytesProcessed: number;
}

export interface SyncOutcome {
  readonly synced: readonly SyncedRepository[];
  readonly failures: readonly StorageFailure[];
}

/** A repository that must be left clean is asked for this long even when the run was cancelled. */
const cleanupTimeoutMs = 300_000;

/** One repository after the other, so that they do not fight for disk and network. A cancel undoes all of them. */
export async function syncRepositories(
  deps: Pick<Deps, "settings" | "clock" | "reach">,
  run: ActiveRun,
  request: SyncRequest,
): Promise<SyncOutcome> {
  const synced: SyncedRepository[] = [];
  const failures: StorageFailure[] = [];
  for (const ready of request.repositories) {
    try {
      synced.push(await syncWithRetries(deps, run, request, ready));
      deps.reach("sync.repository_done");
    } catch (error) {
      if (run.signal.aborted) {
        for (const done of synced)
          await discardSnapshots(run, done, request.manifest.project, request.manifest.backupId);
        throw error;
      }
      failures.push({ name: ready.name, error: tagStage(error, "sync") });
    }
  }
  return { synced, failures };
}

/** The dump is there and stays good: only the sync is tried again. */
async function syncWithRetries(
  deps: Pick<Deps, "settings" | "clock" | "reach">,
  run: ActiveRun,
  request: SyncRequest,
  ready: ReadyRepository,
): Promise<SyncedRepository> {
  const { retryCount, retryDelayMs } = deps.settings;
  for (let attempt = 0; ; attempt++) {
    try {
      return await syncOne(deps, run, request, ready);
    } catch (error) {
      const { project, backupId } = request.manifest;
      const failure = toAppError(error);
      await discardSnapshots(run, ready, project, backupId);
      if (!failure.retryable || attempt >= retryCount || run.signal.aborted) throw final(failure);
      const delayMs = retryDelayMs * 2 ** attempt;
      run.update({ retryCount: attempt + 1 });
      run.log(
        "warn",
        `storage ${ready.name}: ${failure.message}; retry ${attempt + 1} of ${retryCount} in ${Math.round(delayMs / 1000)} s`,
      );
      await deps.clock.sleep(delayMs, run.signal);
    }
  }
}

/** Its retries are over: the dump need not be made again for it. */
function final(failure: AppError): AppError {
  if (!failure.retryable) return failure;
  const { code, message, hint, details } = failure;
  return new AppError(code, message, { ...(hint === undefined ? {} : { hint }), details, cause: failure });
}

async function syncOne(
  deps: Pick<Deps, "reach">,
  run: ActiveRun,
  request: SyncRequest,
  ready: ReadyRepository,
): Promise<SyncedRepository> {
  const { manifest, staged } = request;
  const { paths, exclude } = staged.files;
  const own = [...staged.dumpPaths, staged.manifestPath];
  const made: { readonly content: SnapshotContent; readonly result: SnapshotResult; readonly snapshot: Snapshot }[] =
    [];
  const labels = {
    project: manifest.project,
    backupId: manifest.backupId,
    type: manifest.type,
    schedule: retentionScheduleOf(manifest),
  };
  const save = async (content: SnapshotContent, saved: readonly string[], marks: readonly string[]): Promise<void> => {
    const tags = [...snapshotTags(content, labels), ...marks];
    const parent = parentOf(ready.known, content);
    const result = await ready.repository.backup({
      paths: saved,
      exclude: content.kind === "db" ? [] : exclude,
      tags,
      signal: run.signal,
      ...(parent === undefined ? {} : { parent }),
      onProgress: ({ bytesDone, bytesTotal }) => run.advance(bytesDone, bytesTotal),
    });
    for (const warning of result.warnings) run.warn(`storage ${ready.name}: ${warning}`);
    const { snapshotId: id } = result;
    if (id === null)
      throw new AppError("storage_failed", `storage ${ready.name} made no snapshot of ${saved.join(", ")}`);
    const { host } = ready.repository;
    const snapshot = { id, shortId: id.slice(0, 8), time: Date.now(), host, paths: saved, tags };
    made.push({ content, result, snapshot: { ...snapshot, sizeBytes: result.bytesProcessed } });
    deps.reach("sync.snapshot_made");
  };

  // What was proven of the staged files is true of their copies as well.
  const marks = staged.verification === null ? [] : [verificationTag(staged.verification)];
  const mode = manifest.snapshot?.mode ?? "combined";
  if (mode === "combined") await save({ kind: "combined" }, [...own, ...paths], marks);
  else {
    const hasDump = staged.dumpPaths.length > 0;
    // Without a database the last asset path carries the manifest.
    const alone = hasDump ? paths : paths.slice(0, -1);
    for (const path of alone) await save({ kind: "assets", path }, [path], []);
    if (hasDump) await save({ kind: "db" }, own, marks);
    else await save({ kind: "assets", path: paths.at(-1)! }, [...own, paths.at(-1)!], marks);
  }
  const main = made.at(-1)!;
  if (main.result.warnings.length > 0 || (main.content.kind !== "db" && exclude.length > 0)) {
    await requireHeld(run, ready, main.snapshot.id, request);
  }
  const sum = (field: "filesNew" | "filesChanged" | "bytesAdded" | "bytesProcessed"): number =>
    made.reduce((total, { result }) => total + result[field], 0);
  return {
    name: ready.name,
    repository: ready.repository,
    group: groupSnapshots(made.map(({ snapshot }) => snapshot)).committed[0]!,
    filesNew: sum("filesNew"),
    filesChanged: sum("filesChanged"),
    bytesAdded: sum("bytesAdded"),
    bytesProcessed: sum("bytesProcessed"),
  };
}

/** The newest snapshot of the same content: what did not change since need not be read again. */
function parentOf(known: readonly Snapshot[], content: SnapshotContent): string | undefined {
  const wanted = JSON.stringify(content);
  return known
    .filter(({ tags }) => JSON.stringify(parseSnapshotTags(tags).content) === wanted)
    .toSorted((a, b) => b.time - a.time)[0]?.id;
}

/** A pattern that excludes the dump, or a dump that could not be read, must not be found out by a restore. */
async function requireHeld(
  run: ActiveRun,
  { name, repository }: ReadyRepository,
  id: string,
  { staged, manifest }: SyncRequest,
): Promise<void> {
  const entries = await repository.listDirectory(id, dirname(staged.manifestPath), run.signal);
  const sizes = new Map(entries.map(({ path, sizeBytes }) => [path, sizeBytes]));
  const wrong = staged.dumpPaths.filter((path, index) => sizes.get(path) !== manifest.parts[index]?.storedBytes);
  const missing = sizes.has(staged.manifestPath) ? wrong : [...wrong, staged.manifestPath];
  if (missing.length === 0) return;
  throw new AppError("storage_failed", `storage ${name}: the snapshot does not hold ${missing.join(", ")} whole`, {
    hint: "if a pattern under assets.exclude covers BACKUP_BASE_DIR, take it away or use snapshot_mode: separate",
  });
}

/** All snapshots of one backup, whatever was answered when they were made. Never throws; what stays is logged. */
export async function discardSnapshots(
  run: Pick<ActiveRun, "log">,
  { name, repository }: NamedRepository,
  project: string,
  backupId: string,
): Promise<void> {
  const signal = AbortSignal.timeout(cleanupTimeoutMs);
  try {
    const tags = [projectTag(project), backupTag(backupId)];
    const left = await repository.listSnapshots({ tags, host: repository.host }, signal);
    if (left.length === 0) return;
    await repository.removeSnapshots(
      left.map(({ id }) => id),
      signal,
    );
    run.log("info", `storage ${name}: removed ${left.length} snapshots of the failed attempt`);
  } catch (error) {
    run.log(
      "warn",
      `storage ${name}: snapshots of ${backupId} could not be removed (${toAppError(error).message}); prune will collect them`,
    );
  }
}
