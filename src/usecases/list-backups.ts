// The backups of a project as its storages hold them now; what a storage says wins over what the state store remembers.

import type { Backup, Verification } from "../domain/backup/backup.ts";
import type { Project } from "../domain/project/project.ts";
import type { Snapshot } from "../ports/repository.ts";
import type { Deps, LogSink } from "./deps.ts";
import { mapAtOnce } from "./map-at-once.ts";
import { storagesOf, type OpenDeps } from "./open-project.ts";
import { readVerification } from "./read-catalog.ts";
import { readHolders, taggedVerification, type Holder } from "./read-holders.ts";
import { readManifestOf } from "./read-manifest-of.ts";
import { readRemembered } from "./read-remembered.ts";
import { describeBackup } from "./describe-backup.ts";
import { sizeOf } from "./snapshot-groups.ts";
import { tagStage } from "./stage-error.ts";
import type { StorageFailure } from "./named.ts";

export interface ListRequest {
  readonly project: Project;
  readonly storage?: string | undefined;
  /** Only the newest so many. */
  readonly last?: number | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export interface HeldSnapshot {
  readonly storage: string;
  readonly snapshot: Snapshot;
}

export interface ListedBackup extends Backup {
  /** Its snapshots in repositories. */
  readonly snapshots: readonly HeldSnapshot[];
}

export interface ListResult {
  /** Newest first. */
  readonly backups: readonly ListedBackup[];
  /** Snapshots with the project's tag that belong to no backup of this program, newest first. */
  readonly others: readonly HeldSnapshot[];
  /** What could not be read, by its storage: a whole listing, one manifest, one verification result. */
  readonly failures: readonly StorageFailure[];
}

/** What cannot be read is in `failures`, and the rest is listed. */
export async function listBackups(deps: OpenDeps & Pick<Deps, "state">, request: ListRequest): Promise<ListResult> {
  const { project, signal } = request;
  await using stack = new AsyncDisposableStack();
  const storages = storagesOf(project, request.storage === undefined ? undefined : [request.storage]);
  const read = await readHolders(deps, { project: project.name, storages, log: request.log, signal }, stack);
  const failures: StorageFailure[] = [...read.failures];
  const remembered = await readRemembered(deps, project.name);
  const all = [...Map.groupBy(read.holders, ({ entry }) => entry.backupId).values()];
  const backups = (await mapAtOnce(all, describe)).filter((backup) => backup !== undefined);
  backups.sort((a, b) => b.createdAt - a.createdAt);
  const { last } = request;
  const others = last === undefined ? read.others : read.others.slice(0, Math.max(0, last - backups.length));
  return { backups: last === undefined ? backups : backups.slice(0, last), others, failures };

  /** Undefined when no copy's manifest can be read. */
  async function describe(copies: readonly Holder[]): Promise<ListedBackup | undefined> {
    const known = remembered.get(copies[0]!.entry.backupId);
    const backup = known ?? (await firstReadable(copies, describeCopy));
    if (backup === undefined) return undefined;
    const verified = copies.filter(({ entry }) => entry.hasVerification);
    const verification =
      verified.length === 0 ? null : (known?.verification ?? (await firstReadable(verified, readResult)));
    return {
      ...backup,
      storages: copies.map((copy) => copy.storage.name),
      pinned: copies.some((copy) => copy.entry.pinned),
      verification: verification ?? null,
      snapshots: copies.flatMap(({ storage, place }) =>
        place.kind === "snapshots"
          ? place.group.snapshots.map((snapshot) => ({ storage: storage.name, snapshot }))
          : [],
      ),
    };
  }

  async function describeCopy(holder: Holder): Promise<Backup> {
    const backup = describeBackup(await readManifestOf(holder, signal), []);
    const sizeBytes = holder.place.kind === "snapshots" ? sizeOf(holder.place.group) : null;
    return sizeBytes === null ? backup : { ...backup, sizeBytes };
  }

  async function readResult(holder: Holder): Promise<Verification> {
    const { storage, entry } = holder;
    const tagged = taggedVerification(holder);
    return tagged ?? { ...(await readVerification(storage.store, entry.stem, signal)), storage: storage.name };
  }

  async function firstReadable<T>(
    copies: readonly Holder[],
    readCopy: (copy: Holder) => Promise<T>,
  ): Promise<T | undefined> {
    for (const copy of copies) {
      try {
        return await readCopy(copy);
      } catch (error) {
        signal.throwIfAborted();
        failures.push({ name: copy.storage.name, error: tagStage(error, "sync") });
      }
    }
    return undefined;
  }
}
