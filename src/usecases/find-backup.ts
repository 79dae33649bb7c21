// Finds the backup that a person names: an id, a unique prefix of one, or `latest`, on the storages that hold it.

import { AppError, toAppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import { manifestKey, parseObjectKey } from "../domain/backup/object-key.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";
import type { SinkFailure } from "./fan-out.ts";
import { openTargets, storagesOf } from "./open-project.ts";
import { readCatalog, readManifest, type CatalogEntry } from "./read-catalog.ts";
import { tagStage } from "./stage-error.ts";
import type { Target } from "./store-part.ts";

export interface FoundBackup {
  readonly manifest: Manifest;
  /** In the order in which they are to be tried; never empty. */
  readonly holders: readonly { readonly target: Target; readonly entry: CatalogEntry }[];
  /** Storages that could not be asked whether they hold it. */
  readonly unread: readonly SinkFailure[];
}

export interface FindRequest {
  readonly project: Project;
  /** `latest`, an id, or a unique prefix of one. */
  readonly reference: string;
  readonly storage?: string | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

/** The newest names whose manifests are compared by their exact start: names carry local time, which may repeat in autumn. */
const latestCandidates = 3;

/** Storages are disposed with `stack`. Throws `backup_not_found`; a storage that cannot be read is a warning unless it is the last. */
export async function findBackup(
  deps: Pick<Deps, "openStorage">,
  request: FindRequest,
  stack: AsyncDisposableStack,
): Promise<FoundBackup> {
  const { project, signal, log } = request;
  const names = storagesOf(project, request.storage === undefined ? undefined : [request.storage]);
  const opened = await openTargets(deps, names, { log }, stack);
  const unread = [...opened.failures];
  for (const { name, error } of opened.failures) log("warn", `storage ${name} cannot be opened: ${error.message}`);
  const holders: { target: Target; entry: CatalogEntry }[] = [];
  for (const target of opened.targets) {
    try {
      const { entries } = await readCatalog(target.store, project.name, signal);
      holders.push(...entries.map((entry) => ({ target, entry })));
    } catch (error) {
      signal.throwIfAborted();
      const failure = tagStage(error, "sync");
      log("warn", `storage ${target.name} cannot be listed: ${failure.message}`);
      unread.push({ name: target.name, error: failure });
    }
  }
  const id = request.reference === "latest" ? await newest(holders, request) : uniqueId(holders, request.reference);
  // What is not found may be on the storage that could not be read.
  if (id === undefined) throw unread[0]?.error ?? notFound(request, names, holders.length === 0);
  const matching = holders.filter(({ entry }) => entry.backupId === id);
  return { manifest: await firstManifest(matching, request), holders: matching, unread };
}

async function firstManifest(holders: FoundBackup["holders"], request: FindRequest): Promise<Manifest> {
  let failure: AppError | undefined;
  for (const { target, entry } of holders) {
    try {
      return await readManifest(target.store, entry.stem, request.signal);
    } catch (error) {
      request.signal.throwIfAborted();
      failure = toAppError(error);
      request.log("warn", `storage ${target.name}: ${failure.message}`);
    }
  }
  throw failure!;
}

async function newest(holders: FoundBackup["holders"], request: FindRequest): Promise<string | undefined> {
  // A safety backup holds what a restore was about to replace: it is only meant by its id.
  const regular = holders.filter(({ entry }) => parseObjectKey(manifestKey(entry.stem))?.type !== "safety");
  const candidates = regular.length > 0 ? regular : holders;
  const stems = [...new Map(candidates.map((holder) => [holder.entry.backupId, holder])).values()]
    .toSorted((a, b) => (nameTime(a.entry) < nameTime(b.entry) ? 1 : -1))
    .slice(0, latestCandidates);
  let best: { id: string; at: number } | undefined;
  for (const [index, { entry }] of stems.entries()) {
    const copies = holders.filter((holder) => holder.entry.backupId === entry.backupId);
    try {
      const manifest = await firstManifest(copies, request);
      const at = Date.parse(manifest.startedAt);
      if (best === undefined || at > best.at) best = { id: entry.backupId, at };
    } catch (error) {
      // An older backup is not silently taken for the newest one; those behind it are only there to compare.
      if (index === 0 || request.signal.aborted) throw error;
    }
  }
  return best?.id;
}

function nameTime(entry: CatalogEntry): string {
  return parseObjectKey(manifestKey(entry.stem))?.stamp ?? "";
}

/** Undefined when none is meant; throws `backup_not_found` when several could be. */
function uniqueId(holders: FoundBackup["holders"], reference: string): string | undefined {
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
