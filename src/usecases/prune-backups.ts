// Deletes what the retention policy no longer keeps, per storage: the manifest first, then the parts.

import { AppError, toAppError } from "../domain/error.ts";
import { manifestKey, pinKey } from "../domain/backup/object-key.ts";
import { proofOf } from "../domain/retention/retention-sets.ts";
import type { Project } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import { collectStaged } from "./clean-staged.ts";
import { collectDebris } from "./collect-debris.ts";
import type { Deps, LogSink } from "./deps.ts";
import { describeBackup } from "./describe-backup.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { isBeingRead } from "./hold-for-reading.ts";
import { mapAtOnce } from "./map-at-once.ts";
import { openStorages, storagesOf, type OpenDeps, type OpenedStorages } from "./open-project.ts";
import { planRetentionSets, type SetCandidate, type SetPlan } from "./plan-retention-sets.ts";
import { readCatalog, readManifest, readVerification, type CatalogEntry } from "./read-catalog.ts";
import { readRemembered } from "./read-remembered.ts";
import { collectSnapshotDebris, planRepository, pruneRepositories } from "./prune-snapshots.ts";
import { tagStage } from "./stage-error.ts";
import { takePinTurn } from "./take-pin-turn.ts";
import type { NamedStore } from "./named.ts";

type PruneDeps = OpenDeps & Pick<Deps, "clock" | "settings" | "state" | "reach">;

interface KnownBackup extends SetCandidate {
  readonly entry: CatalogEntry;
}

async function planStorage(
  deps: PruneDeps,
  project: Project,
  storage: NamedStore,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<readonly SetPlan<KnownBackup>[]> {
  const { entries } = await readCatalog(storage.store, project.name, signal);
  const described = await describeEntries(deps, project, storage, entries, signal);
  const isBaseDir = storage.store.location === deps.settings.baseDir;
  const plan = (backups: readonly KnownBackup[]) =>
    planRetentionSets(deps, project, { name: storage.name, backups, isBaseDir });
  const sets = plan(described);
  if (sets.every((set) => set.plan.remove.length === 0)) return sets;
  return plan(await withReadableNewest(described, storage, warn, signal));
}

async function pruneStorages(
  deps: PruneDeps & Pick<Deps, "lock">,
  run: ActiveRun,
  project: Project,
  stores: readonly NamedStore[],
): Promise<{ readonly backups: number; readonly bytes: number }> {
  let removed = 0;
  let freedBytes = 0;
  for (const storage of stores) {
    for (const { plan, backups } of await planStorage(deps, project, storage, run.warn, run.signal)) {
      for (const { id, reason } of plan.remove) {
        run.signal.throwIfAborted();
        const backup = backups.find((candidate) => candidate.id === id)!;
        if (await isBeingRead(deps, project.name, id)) {
          run.log("info", `storage ${storage.name}: backup ${id} is being read; the next prune removes it`);
          continue;
        }
        await using _turn = await takePinTurn(deps, project.name, run.signal);
        // The plan may be minutes old, and another host may have pinned it.
        if ((await storage.store.find(pinKey(backup.entry.stem), run.signal)) !== undefined) {
          run.log("info", `storage ${storage.name}: backup ${id} was pinned meanwhile; it stays`);
          continue;
        }
        await deleteBackup(deps, storage, backup.entry, run.signal);
        run.log("info", `storage ${storage.name}: removed backup ${id} (${reason})`);
        removed += 1;
        freedBytes += backup.sizeBytes;
      }
    }
  }
  return { backups: removed, bytes: freedBytes };
}

/** After a backup: on every storage that holds it. */
export async function pruneEverywhere(
  deps: PruneDeps & Pick<Deps, "lock">,
  run: ActiveRun,
  project: Project,
  { stores, repositories }: Pick<OpenedStorages, "stores" | "repositories">,
): Promise<void> {
  const pruned = await pruneStorages(deps, run, project, stores);
  run.report({ removedBackups: pruned.backups, freedBytes: pruned.bytes });
  if (repositories.length === 0) return;
  const found = await pruneRepositories(deps, run, project, repositories);
  run.report({ removedBackups: pruned.backups + found.backups, pruneSnapshotsRemoved: found.snapshots });
}

/**
 * The manifest before the parts: a crash in the middle leaves unlisted parts, never a manifest without them. The
 * catalogue forgets them before: that tells such parts from those whose manifest was lost (collect-debris.ts).
 */
export async function deleteBackup(
  deps: Pick<Deps, "state" | "reach">,
  storage: NamedStore,
  entry: CatalogEntry,
  signal: AbortSignal,
): Promise<void> {
  const first = manifestKey(entry.stem);
  await deps.state.removeBackupFromStorage(entry.backupId, storage.name);
  await storage.store.delete(first, signal);
  deps.reach("prune.manifest_deleted");
  for (const object of entry.objects) {
    if (object.key === first) continue;
    await storage.store.delete(object.key, signal);
    deps.reach("prune.part_deleted");
  }
}

async function describeEntries(
  deps: PruneDeps,
  project: Project,
  storage: NamedStore,
  entries: readonly CatalogEntry[],
  signal: AbortSignal,
): Promise<KnownBackup[]> {
  const remembered = await readRemembered(deps, project.name, storage.name);
  return mapAtOnce(entries, describe);

  async function describe(entry: CatalogEntry): Promise<KnownBackup> {
    const known = remembered.get(entry.backupId);
    const facts = known ?? describeBackup(await readManifest(storage.store, entry.stem, signal), [storage.name]);
    return {
      entry,
      id: entry.backupId,
      createdAt: facts.createdAt,
      sizeBytes: facts.sizeBytes,
      type: facts.type,
      schedule: facts.schedule,
      pinned: entry.pinned,
      ...proofOf(entry.hasVerification ? await readVerificationOrRefuse(entry) : null),
    };
  }

  async function readVerificationOrRefuse(entry: CatalogEntry) {
    try {
      return await readVerification(storage.store, entry.stem, signal);
    } catch (error) {
      throw new AppError(
        "storage_failed",
        `storage ${storage.name}: the verification of backup ${entry.backupId} cannot be read, nothing is pruned`,
        {
          hint: "verify that backup again, then prune",
          cause: error,
        },
      );
    }
  }
}

/**
 * The state store remembers what a backup was, not that its manifest can still be read here. The newest one makes others
 * superfluous, so that it is looked at; one that is damaged counts as failed, and the next is looked at.
 */
async function withReadableNewest(
  backups: readonly KnownBackup[],
  { name, store }: NamedStore,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<readonly KnownBackup[]> {
  const damaged = new Set<string>();
  const isDamaged = async ({ entry }: KnownBackup): Promise<boolean> => {
    try {
      await readManifest(store, entry.stem, signal);
      return false;
    } catch (error) {
      const { code, message } = toAppError(error);
      if (code !== "manifest_invalid") throw error;
      warn(`storage ${name}: backup ${entry.backupId} counts as failed: ${message}`);
      return true;
    }
  };
  // Each of these is judged for itself, as retention does.
  const groups = Map.groupBy(backups, ({ schedule, type }) => JSON.stringify([schedule, type === "safety"]));
  for (const group of groups.values()) {
    for (const backup of group.filter(({ hasFailed }) => !hasFailed).toSorted((a, b) => b.createdAt - a.createdAt)) {
      if (!(await isDamaged(backup))) break;
      damaged.add(backup.id);
    }
  }
  return backups.map((backup) => (damaged.has(backup.id) ? { ...backup, verifiedAt: null, hasFailed: true } : backup));
}

export interface PruneRequest {
  readonly project: Project;
  readonly storages?: readonly string[] | undefined;
  readonly trigger?: string;
  /** False for schedules of kind `forget`: repositories forget snapshots and keep the data for a later prune. */
  readonly freesData?: boolean;
  readonly signal: AbortSignal;
}

/** A run of its own: `backupctl prune`. Throws `lock_held`; other failures are in the returned run. */
export async function pruneBackups(deps: Deps, request: PruneRequest): Promise<Run> {
  const { project, signal } = request;
  await using _lock = await deps.lock.acquire(project.name, "prune");
  return await executeRun(
    deps,
    { project: project.name, kind: "prune", trigger: request.trigger ?? "manual", signal },
    async (run) => {
      await using stack = new AsyncDisposableStack();
      const opened = await openStorages(deps, storagesOf(project, request.storages), { log: run.log }, stack);
      const failures = opened.failures.map(({ error }) => error);
      const totals = { removedBackups: 0, freedBytes: 0 };
      for (const storage of opened.stores) {
        await attempt(storage.name, async () => {
          const { backups, bytes } = await run.stage("prune", () => pruneStorages(deps, run, project, [storage]));
          totals.removedBackups += backups;
          totals.freedBytes += bytes;
          run.report(totals);
          await run.stage("cleanup", () => collectDebris(deps, run, project, storage));
        });
      }
      let pruneSnapshotsRemoved = 0;
      for (const named of opened.repositories) {
        await attempt(named.name, async () => {
          const freeData = request.freesData === false ? "never" : "always";
          const prune = () => pruneRepositories(deps, run, project, [named], freeData);
          const { backups, snapshots } = await run.stage("prune", prune);
          totals.removedBackups += backups;
          pruneSnapshotsRemoved += snapshots;
          run.report({ ...totals, pruneSnapshotsRemoved });
          await run.stage("cleanup", () => collectSnapshotDebris(deps, run, project, named));
        });
      }
      if (opened.repositories.length > 0) {
        await attempt("staging", () => run.stage("cleanup", () => collectStaged(deps, run, project)));
      }
      if (failures.length > 0) throw failures[0]!;

      async function attempt(name: string, work: () => Promise<void>): Promise<void> {
        try {
          await work();
        } catch (error) {
          run.signal.throwIfAborted();
          const failure = tagStage(error, "prune");
          run.warn(`storage ${name}: ${failure.message}`);
          failures.push(failure);
        }
      }
    },
  );
}

export interface PreviewRequest {
  readonly project: Project;
  readonly storages?: readonly string[] | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

/** What a prune would do now. Throws when a storage cannot be read: half a preview would mislead. */
export async function previewPrune(deps: PruneDeps, request: PreviewRequest): Promise<readonly SetPlan[]> {
  await using stack = new AsyncDisposableStack();
  const opened = await openStorages(deps, storagesOf(request.project, request.storages), { log: request.log }, stack);
  if (opened.failures.length > 0) throw opened.failures[0]!.error;
  const plans: SetPlan[] = [];
  const warn = (message: string): void => request.log("warn", message);
  for (const storage of opened.stores)
    plans.push(...(await planStorage(deps, request.project, storage, warn, request.signal)));
  for (const named of opened.repositories)
    plans.push(...(await planRepository(deps, request.project, named, request.signal)));
  return plans;
}
