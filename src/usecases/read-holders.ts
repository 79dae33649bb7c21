// Who holds which backup: archive storages by their manifests, repositories by their snapshots.

import type { BackupType, Verification } from "../domain/backup/backup.ts";
import { manifestKey, parseObjectKey } from "../domain/backup/object-key.ts";
import { parseStagedKey } from "../domain/backup/staged-key.ts";
import type { ObjectReader, ObjectStore } from "../ports/object-store.ts";
import type { Snapshot } from "../ports/repository.ts";
import type { LogSink } from "./deps.ts";
import { openSnapshot } from "./open-snapshot.ts";
import { openStorages, type OpenDeps } from "./open-project.ts";
import { readCatalog, type CatalogEntry } from "./read-catalog.ts";
import { readRepository, type SnapshotGroup } from "./snapshot-groups.ts";
import { tagStage } from "./stage-error.ts";
import type { NamedRepository, StorageFailure } from "./named.ts";

/** One backup on one storage, whichever kind of storage it is. */
export interface Holder {
  /** Read like an archive's, also where the backup lies in a repository. */
  readonly storage: { readonly name: string; readonly store: ObjectReader };
  readonly entry: CatalogEntry;
  /** Where pins and results are written: beside the parts, or as tags of the snapshots. */
  readonly place: ArchivePlace | SnapshotPlace;
}

export interface ArchivePlace {
  readonly kind: "archive";
  readonly store: ObjectStore;
}

export interface SnapshotPlace {
  readonly kind: "snapshots";
  readonly repository: NamedRepository["repository"];
  readonly group: SnapshotGroup;
  /** One snapshot of the backup was asked for, by its own id. */
  readonly alone?: true;
}

export interface HoldersRequest {
  /** Empty: every project on the storages. */
  readonly project: string;
  readonly storages: readonly string[];
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

/** A storage that could not be opened, or not be listed. */
export interface UnreadStorage extends StorageFailure {
  readonly isOpen: boolean;
}

export interface Holders {
  /** In the order of the storages, of one storage newest first. */
  readonly holders: readonly Holder[];
  readonly repositories: readonly NamedRepository[];
  /** Snapshots with the project's tag that belong to no backup of this program. */
  readonly others: readonly { readonly storage: string; readonly snapshot: Snapshot }[];
  readonly failures: readonly UnreadStorage[];
}

/** Storages are disposed with `stack`. */
export async function readHolders(
  deps: OpenDeps,
  request: HoldersRequest,
  stack: AsyncDisposableStack,
): Promise<Holders> {
  const { project, signal } = request;
  const opened = await openStorages(deps, request.storages, { log: request.log }, stack);
  const failures: UnreadStorage[] = opened.failures.map((failure) => ({ ...failure, isOpen: false }));
  const found = new Map<string, readonly Holder[]>();
  const others: Holders["others"][number][] = [];
  const ask = async (name: string, look: () => Promise<readonly Holder[]>): Promise<void> => {
    try {
      found.set(name, await look());
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ name, error: tagStage(error, "sync"), isOpen: true });
    }
  };
  for (const storage of opened.stores) {
    await ask(storage.name, async () => {
      const { entries } = await readCatalog(storage.store, project, signal);
      return entries.map((entry): Holder => ({ storage, entry, place: { kind: "archive", store: storage.store } }));
    });
  }
  for (const { name, repository } of opened.repositories) {
    await ask(name, async () => {
      const { committed, others: more } = await readRepository(repository, project === "" ? null : project, signal);
      others.push(...more.map((snapshot) => ({ storage: name, snapshot })));
      return committed.map((group) => holderOf({ name, repository }, group));
    });
  }
  const holders = request.storages.flatMap((name) => found.get(name) ?? []);
  return { holders, repositories: opened.repositories, others, failures };
}

/** A backup in a repository. */
export function holderOf({ name, repository }: NamedRepository, group: SnapshotGroup): Holder {
  const snapshot = group.main?.snapshot ?? group.snapshots[0]!;
  const manifest = group.main?.manifest ?? null;
  return {
    storage: { name, store: openSnapshot(repository, snapshot, manifest) },
    entry: {
      backupId: group.backupId,
      project: group.project,
      stem: manifest?.stem ?? `${group.project}/${snapshot.shortId}`,
      pinned: group.facts.pinned,
      hasVerification: group.facts.verification !== null,
      objects: [],
    },
    place: { kind: "snapshots", repository, group },
  };
}

/** The result that its tags tell of, undefined for an archive storage. */
export function taggedVerification({ place, storage }: Holder): Verification | undefined {
  const found = place.kind === "snapshots" ? place.group.facts.verification : null;
  return found === null ? undefined : { ...found, storage: storage.name, message: null, restoreMs: null };
}

/** What the name of a backup tells, on either kind of storage. */
export function namePartsOf({ stem }: CatalogEntry): { readonly type: BackupType; readonly stamp: string } | undefined {
  return parseObjectKey(manifestKey(stem)) ?? parseStagedKey(manifestKey(stem));
}
