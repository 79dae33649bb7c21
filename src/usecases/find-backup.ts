// Finds the backup that a person names: an id, a unique prefix of one, or `latest`, on the storages that hold it.

import { AppError } from "../domain/error.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import { manifestKey, parseObjectKey } from "../domain/backup/object-key.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";
import { openTargets, storagesOf } from "./open-project.ts";
import { readCatalog, readManifest, type CatalogEntry } from "./read-catalog.ts";
import type { Target } from "./store-part.ts";

export interface FoundBackup {
  readonly manifest: Manifest;
  /** In the order in which they are to be tried; never empty. */
  readonly holders: readonly { readonly target: Target; readonly entry: CatalogEntry }[];
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
  const errors = opened.failures.map(({ error }) => error);
  const holders: { target: Target; entry: CatalogEntry }[] = [];
  for (const target of opened.targets) {
    try {
      const { entries } = await readCatalog(target.store, project.name, signal);
      holders.push(...entries.map((entry) => ({ target, entry })));
    } catch (error) {
      signal.throwIfAborted();
      log("warn", `storage ${target.name} cannot be listed: ${error instanceof Error ? error.message : String(error)}`);
      errors.push(error as AppError);
    }
  }
  const id = request.reference === "latest" ? await newest(holders, request) : uniqueId(holders, request);
  if (id === undefined) {
    if (errors.length > 0) throw errors[0]!;
    throw new AppError("backup_not_found", `project ${project.name} has no backup on ${names.join(", ")}`, {
      hint: `make one with backupctl run ${project.name}`,
    });
  }
  const matching = holders.filter(({ entry }) => entry.backupId === id);
  return { manifest: await firstManifest(matching, request), holders: matching };
}

async function firstManifest(holders: FoundBackup["holders"], request: FindRequest): Promise<Manifest> {
  let failure: unknown;
  for (const { target, entry } of holders) {
    try {
      return await readManifest(target.store, entry.stem, request.signal);
    } catch (error) {
      request.signal.throwIfAborted();
      failure = error;
      request.log("warn", `storage ${target.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw failure;
}

async function newest(holders: FoundBackup["holders"], request: FindRequest): Promise<string | undefined> {
  // A safety backup holds what a restore was about to replace: it is only meant by its id.
  const regular = holders.filter(({ entry }) => parseObjectKey(manifestKey(entry.stem))?.type !== "safety");
  const candidates = regular.length > 0 ? regular : holders;
  const stems = [...new Map(candidates.map((holder) => [holder.entry.backupId, holder])).values()]
    .toSorted((a, b) => (nameTime(a.entry) < nameTime(b.entry) ? 1 : -1))
    .slice(0, latestCandidates);
  let best: { id: string; at: number } | undefined;
  for (const { entry } of stems) {
    const copies = holders.filter((holder) => holder.entry.backupId === entry.backupId);
    const manifest = await firstManifest(copies, request);
    const at = Date.parse(manifest.startedAt);
    if (best === undefined || at > best.at) best = { id: entry.backupId, at };
  }
  return best?.id;
}

function nameTime(entry: CatalogEntry): string {
  return parseObjectKey(manifestKey(entry.stem))?.stamp ?? "";
}

function uniqueId(holders: FoundBackup["holders"], { reference, project }: FindRequest): string | undefined {
  const ids = [...new Set(holders.map(({ entry }) => entry.backupId))];
  if (ids.includes(reference)) return reference;
  const matches = ids.filter((id) => id.startsWith(reference));
  if (matches.length === 1) return matches[0];
  if (ids.length === 0) return undefined;
  throw new AppError(
    "backup_not_found",
    matches.length === 0
      ? `project ${project.name} has no backup ${reference}`
      : `${reference} is the beginning of ${matches.length} backups of ${project.name}`,
    {
      hint:
        matches.length === 0
          ? `list them with backupctl snapshots ${project.name}`
          : `give more of the id: ${matches.slice(0, 5).join(", ")}`,
      details: { candidates: matches },
    },
  );
}
