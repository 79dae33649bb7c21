// The backups of a project as its storages hold them now; what a storage says wins over what the state store remembers.

import type { Backup } from "../domain/backup/backup.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";
import type { SinkFailure } from "./fan-out.ts";
import { openTargets, storagesOf } from "./open-project.ts";
import { readCatalog, readManifest, readVerification, type CatalogEntry } from "./read-catalog.ts";
import { describeBackup } from "./run-backup.ts";
import { tagStage } from "./stage-error.ts";
import type { Target } from "./store-part.ts";

export interface ListRequest {
  readonly project: Project;
  readonly storage?: string | undefined;
  /** Only the newest so many. */
  readonly last?: number | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export interface ListResult {
  /** Newest first. */
  readonly backups: readonly Backup[];
  /** Storages that could not be read: what they hold is missing from the list. */
  readonly failures: readonly SinkFailure[];
}

const readsAtOnce = 8;
const everyBackup = 100_000;

export async function listBackups(
  deps: Pick<Deps, "openStorage" | "state">,
  request: ListRequest,
): Promise<ListResult> {
  const { project, signal } = request;
  await using stack = new AsyncDisposableStack();
  const names = storagesOf(project, request.storage === undefined ? undefined : [request.storage]);
  const opened = await openTargets(deps, names, { log: request.log }, stack);
  const failures = [...opened.failures];
  const holders = new Map<string, { target: Target; entry: CatalogEntry }[]>();
  for (const target of opened.targets) {
    try {
      const { entries } = await readCatalog(target.store, project.name, signal);
      for (const entry of entries)
        holders.set(entry.backupId, [...(holders.get(entry.backupId) ?? []), { target, entry }]);
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ name: target.name, error: tagStage(error, "sync") });
    }
  }
  const remembered = new Map(
    (await deps.state.listBackups({ project: project.name, limit: everyBackup })).map((backup) => [backup.id, backup]),
  );
  const backups: Backup[] = [];
  const all = [...holders.values()];
  for (let start = 0; start < all.length; start += readsAtOnce) {
    backups.push(...(await Promise.all(all.slice(start, start + readsAtOnce).map(describe))));
  }
  backups.sort((a, b) => b.createdAt - a.createdAt);
  return { backups: request.last === undefined ? backups : backups.slice(0, request.last), failures };

  async function describe(copies: readonly { target: Target; entry: CatalogEntry }[]): Promise<Backup> {
    const { target, entry } = copies[0]!;
    const known = remembered.get(entry.backupId);
    const backup =
      known ?? describeBackup({ manifest: await readManifest(target.store, entry.stem, signal), committed: [] });
    const verified = copies.find((copy) => copy.entry.hasVerification);
    const verification =
      verified === undefined
        ? null
        : (known?.verification ?? {
            ...(await readVerification(verified.target.store, entry.stem, signal)),
            storage: verified.target.name,
          });
    return {
      ...backup,
      storages: copies.map((copy) => copy.target.name),
      pinned: copies.some((copy) => copy.entry.pinned),
      verification,
    };
  }
}
