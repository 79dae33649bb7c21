// Finds the backup that a person names: an id, a unique prefix of one, the id of a snapshot in a repository, or `latest`,
// on the storages that hold it.

import { AppError, toAppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { LogSink } from "./deps.ts";
import { findSnapshot } from "./find-snapshot.ts";
import { storagesOf, type OpenDeps } from "./open-project.ts";
import { namePartsOf, readHolders, type Holder } from "./read-holders.ts";
import { readManifestOf } from "./read-manifest-of.ts";
import { timeOf } from "./snapshot-groups.ts";
import type { StorageFailure } from "./named.ts";

export interface FoundBackup {
  readonly manifest: Manifest;
  /** In the order in which they are to be tried; never empty. */
  readonly holders: readonly Holder[];
  /** Storages that could not be asked whether they hold it. */
  readonly unread: readonly StorageFailure[];
}

export interface FindRequest {
  readonly project: Project;
  /** `latest`, an id or a unique prefix of one, of a backup or of a snapshot. */
  readonly reference: string;
  readonly storage?: string | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

/** The newest names whose manifests are compared by their exact start: names carry local time, which may repeat in autumn. */
const latestCandidates = 3;

/** Storages are disposed with `stack`. Throws `backup_not_found`; a storage that cannot be read is a warning unless it is the last. */
export async function findBackup(
  deps: OpenDeps,
  request: FindRequest,
  stack: AsyncDisposableStack,
): Promise<FoundBackup> {
  const { project, signal, log, reference } = request;
  const names = storagesOf(project, request.storage === undefined ? undefined : [request.storage]);
  const found = await readHolders(deps, { project: project.name, storages: names, log, signal }, stack);
  const { holders } = found;
  const unread = [...found.failures];
  for (const { name, error, isOpen } of found.failures)
    log("warn", `storage ${name} cannot be ${isOpen ? "listed" : "opened"}: ${error.message}`);
  const matching = await matchingHolders();
  // What is not found may be on the storage that could not be read.
  if (matching.length === 0) throw unread[0]?.error ?? notFound(request, names, holders.length === 0);
  return { manifest: await firstManifest(matching, request), holders: matching, unread };

  async function matchingHolders(): Promise<readonly Holder[]> {
    const id = reference === "latest" ? await newest(holders, request) : uniqueId(holders, reference);
    if (id !== undefined) return holders.filter(({ entry }) => entry.backupId === id);
    return reference === "latest" ? [] : await findSnapshot(found, project.name, reference, signal);
  }
}

async function firstManifest(holders: readonly Holder[], request: FindRequest): Promise<Manifest> {
  let failure: AppError | undefined;
  for (const holder of holders) {
    try {
      return await readManifestOf(holder, request.signal);
    } catch (error) {
      request.signal.throwIfAborted();
      failure = toAppError(error);
      request.log("warn", `storage ${holder.storage.name}: ${failure.message}`);
    }
  }
  throw failure!;
}

async function newest(holders: readonly Holder[], request: FindRequest): Promise<string | undefined> {
  // A safety backup holds what a restore was about to replace: it is only meant by its id.
  const regular = holders.filter(({ entry }) => namePartsOf(entry)?.type !== "safety");
  const candidates = regular.length > 0 ? regular : holders;
  const stems = [...new Map(candidates.map((holder) => [holder.entry.backupId, holder])).values()]
    .toSorted((a, b) => (nameTime(a) < nameTime(b) ? 1 : -1))
    .slice(0, latestCandidates);
  if (stems.length <= 1) return stems[0]?.entry.backupId;
  let best: { id: string; at: number } | undefined;
  for (const [index, { entry }] of stems.entries()) {
    const copies = holders.filter((holder) => holder.entry.backupId === entry.backupId);
    try {
      const at = await startOf(copies, request);
      if (best === undefined || at > best.at) best = { id: entry.backupId, at };
    } catch (error) {
      // An older backup is not silently taken for the newest one; those behind it are only there to compare.
      if (index === 0 || request.signal.aborted) throw error;
    }
  }
  return best?.id;
}

/** A snapshot tells its time without being read; runs of one project do not overlap, so that it orders them as well. */
async function startOf(copies: readonly Holder[], request: FindRequest): Promise<number> {
  for (const { place } of copies) if (place.kind === "snapshots") return timeOf(place.group);
  return Date.parse((await firstManifest(copies, request)).startedAt);
}

function nameTime({ entry }: Holder): string {
  return namePartsOf(entry)?.stamp ?? "";
}

/** Undefined when none is meant; throws `backup_not_found` when several could be. */
function uniqueId(holders: readonly Holder[], reference: string): string | undefined {
  const ids = [...new Set(holders.map(({ entry }) => entry.backupId))];
  if (reference === "") return undefined;
  if (ids.includes(reference)) return reference;
  const matches = ids.filter((id) => id.startsWith(reference));
  if (matches.length <= 1) return matches[0];
  throw new AppError("backup_not_found", `${reference} is the beginning of ${matches.length} backups`, {
    hint: `give more of the id: ${matches.slice(0, 5).join(", ")}`,
    details: { candidates: matches },
  });
}

function notFound({ project, reference }: FindRequest, names: readonly string[], isEmpty: boolean): AppError {
  if (isEmpty) {
    return new AppError("backup_not_found", `project ${project.name} has no backup on ${names.join(", ")}`, {
      hint: `make one with backupctl run ${project.name}`,
    });
  }
  return new AppError("backup_not_found", `project ${project.name} has no backup ${reference}`, {
    hint: `list them with backupctl snapshots ${project.name}`,
    details: { candidates: [] },
  });
}
