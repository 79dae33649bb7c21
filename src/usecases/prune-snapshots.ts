// Retention in a repository: our own plan over this project's backups of this host, applied by naming snapshots one by
// one. Whatever else lies in the repository is neither listed nor named.

import { proofOf } from "../domain/retention/retention-sets.ts";
import type { Project } from "../domain/project/project.ts";
import type { Collector } from "./collect-debris.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { findEndedBackups } from "./find-ended-backups.ts";
import { isBeingRead } from "./hold-for-reading.ts";
import { planRetentionSets, type SetCandidate, type SetPlan } from "./plan-retention-sets.ts";
import { readRemembered } from "./read-remembered.ts";
import { readRepository, sizeOf, timeOf, type SnapshotGroup } from "./snapshot-groups.ts";
import type { NamedRepository } from "./named.ts";

type PlanDeps = Pick<Deps, "clock" | "settings" | "state">;

export interface SnapshotCandidate extends SetCandidate {
  readonly group: SnapshotGroup;
}

/** Only the backups of this host. */
export async function planRepository(
  deps: PlanDeps,
  project: Project,
  { name, repository }: NamedRepository,
  signal: AbortSignal,
): Promise<readonly SetPlan<SnapshotCandidate>[]> {
  const { committed } = await readRepository(repository, project.name, signal, repository.host);
  const remembered = await readRemembered(deps, project.name, name);
  const backups = committed.map((group): SnapshotCandidate => {
    const known = remembered.get(group.backupId);
    const { facts } = group;
    return {
      id: group.backupId,
      createdAt: known?.createdAt ?? timeOf(group),
      sizeBytes: sizeOf(group) ?? known?.sizeBytes ?? 0,
      type: facts.type ?? known?.type ?? "manual",
      pinned: facts.pinned,
      ...proofOf(facts.verification),
      schedule: facts.schedule,
      group,
    };
  });
  return planRetentionSets(deps, project, { name, backups, isBaseDir: false });
}

/** `after_removal`: the data is freed when snapshots went; `always`: also what an earlier forget has left. */
export type FreeData = "never" | "after_removal" | "always";

/** The caller holds the project's lock. Returns how many backups went, and of how many snapshots they were made. */
export async function pruneRepositories(
  deps: PlanDeps & Pick<Deps, "lock" | "reach">,
  run: ActiveRun,
  project: Project,
  repositories: readonly NamedRepository[],
  freeData: FreeData = "after_removal",
): Promise<{ readonly backups: number; readonly snapshots: number }> {
  let backups = 0;
  let snapshots = 0;
  for (const named of repositories) {
    const doomed: SnapshotGroup[] = [];
    for (const set of await planRepository(deps, project, named, run.signal)) {
      for (const { id, reason } of set.plan.remove) {
        if (await isBeingRead(deps, project.name, id)) {
          run.log("info", `storage ${named.name}: backup ${id} is being read; the next prune removes it`);
          continue;
        }
        run.log("info", `storage ${named.name}: removing backup ${id} (${reason})`);
        doomed.push(set.backups.find((candidate) => candidate.id === id)!.group);
      }
    }
    if (doomed.length > 0) {
      snapshots += await removeGroups(deps, named, doomed, run.signal);
      backups += doomed.length;
      deps.reach("prune.snapshots_removed");
    }
    if (freeData === "always" || (freeData === "after_removal" && doomed.length > 0)) await free(run, named);
  }
  return { backups, snapshots };
}

/** Snapshots without a manifest whose run the state store knows as ended. The caller holds the project's lock. */
export async function collectSnapshotDebris(
  deps: Pick<Deps, "clock" | "state">,
  run: Collector,
  project: Project,
  named: NamedRepository,
): Promise<void> {
  const { repository, name } = named;
  const { unfinished } = await readRepository(repository, project.name, run.signal, repository.host);
  if (unfinished.length === 0) return;
  const ended = await findEndedBackups(deps, { project, except: run.id });
  for (const group of unfinished) {
    if (ended.has(group.backupId)) {
      await repository.removeSnapshots(
        group.snapshots.map(({ id }) => id),
        run.signal,
      );
      run.log(
        "info",
        `storage ${name}: removed ${group.snapshots.length} snapshots of a backup that was never finished`,
      );
    } else run.log("warn", `storage ${name}: snapshots of ${group.backupId} have no manifest and no record; they stay`);
  }
}

/** The commits first: a crash in the middle leaves snapshots without a manifest, never a manifest without its assets. */
async function removeGroups(
  deps: Pick<Deps, "state">,
  { name, repository }: NamedRepository,
  groups: readonly SnapshotGroup[],
  signal: AbortSignal,
): Promise<number> {
  for (const { backupId } of groups) await deps.state.removeBackupFromStorage(backupId, name);
  const all = groups.flatMap((group) =>
    group.snapshots.map(({ id }) => ({ id, isMain: id === group.main?.snapshot.id })),
  );
  let removed = 0;
  for (const isMain of [true, false]) {
    const ids = all.filter((one) => one.isMain === isMain).map(({ id }) => id);
    if (ids.length > 0) removed += (await repository.removeSnapshots(ids, signal)).length;
  }
  return removed;
}

async function free(run: ActiveRun, { name, repository }: NamedRepository): Promise<void> {
  const { bytesFreed } = await repository.prune(run.signal);
  run.log("info", `storage ${name}: data freed${bytesFreed === null ? "" : `, ${bytesFreed} bytes`}`);
}
