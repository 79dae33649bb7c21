// The backups of a project as its storages hold them now; what a storage says wins over what the state store remembers.

import type { Backup, Verification } from "../domain/backup/backup.ts";
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
  /** What could not be read, by its storage: a whole listing, one manifest, one verification result. */
  readonly failures: readonly SinkFailure[];
}

interface Copy {
  readonly target: Target;
  readonly entry: CatalogEntry;
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
  const holders = new Map<string, Copy[]>();
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
    const described = await Promise.all(all.slice(start, start + readsAtOnce).map(describe));
    backups.push(...described.filter((backup) => backup !== undefined));
  }
  backups.sort((a, b) => b.createdAt - a.createdAt);
  return { backups: request.last === undefined ? backups : backups.slice(0, request.last), failures };

  /** Undefined when no copy's manifest can be read. */
  async function describe(copies: readonly Copy[]): Promise<Backup | undefined> {
    const known = remembered.get(copies[0]!.entry.backupId);
    const backup = known ?? (await firstReadable(copies, describeCopy));
    if (backup === undefined) return undefined;
    const verified = copies.filter(({ entry }) => entry.hasVerification);
    const verification =
      verified.length === 0 ? null : (known?.verification ?? (await firstReadable(verified, readResult)));
    return {
      ...backup,
      storages: copies.map((copy) => copy.target.name),
      pinned: copies.some((copy) => copy.entry.pinned),
      verification: verification ?? null,
    };
  }

  async function describeCopy({ target, entry }: Copy): Promise<Backup> {
    return describeBackup({ manifest: await readManifest(target.store, entry.stem, signal), committed: [] });
  }

  async function readResult({ target, entry }: Copy): Promise<Verification> {
    return { ...(await readVerification(target.store, entry.stem, signal)), storage: target.name };
  }

  async function firstReadable<T>(copies: readonly Copy[], read: (copy: Copy) => Promise<T>): Promise<T | undefined> {
    for (const copy of copies) {
      try {
        return await read(copy);
      } catch (error) {
        signal.throwIfAborted();
        failures.push({ name: copy.target.name, error: tagStage(error, "sync") });
      }
    }
    return undefined;
  }
}
