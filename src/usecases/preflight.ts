// Looks before anything is touched: does the source answer, can every storage be written, is there room.

import { AppError, toAppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { SourceInfo } from "../ports/source.ts";
import { projectTag } from "../domain/backup/snapshot-tags.ts";
import type { Snapshot } from "../ports/repository.ts";
import type { Deps } from "./deps.ts";
import { tagStage } from "./stage-error.ts";
import type { NamedRepository, NamedSource, NamedStore, StorageFailure } from "./named.ts";

export interface Check {
  /** `source database`, `storage offsite`, `encryption`. */
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
  readonly hint: string | null;
  readonly error: AppError | null;
}

/** Never throws, as all of these checks: what is wrong is in the result. `info` is there when the source answered. */
export async function checkSource(
  { name, source }: NamedSource,
  signal: AbortSignal,
): Promise<Check & { info?: SourceInfo }> {
  return check(`source ${name}`, async () => {
    const info = await source.probe(signal);
    const tool = info.tool === null ? "" : `, ${info.tool} ${info.toolVersion ?? ""}`.trimEnd();
    const size = info.sizeBytes === null ? "" : `, about ${formatBytes(info.sizeBytes)}`;
    return { detail: `${source.object}: ${info.server}${tool}${size}`, info };
  });
}

export async function checkStorage(
  { name, store }: NamedStore,
  minFreeBytes: number,
  signal: AbortSignal,
): Promise<Check> {
  return check(`storage ${name}`, async () => {
    await store.probe(signal);
    const free = store.capabilities.freeSpace ? await store.freeBytes(signal) : null;
    if (free !== null && free < minFreeBytes) {
      throw new AppError(
        "disk_full",
        `storage ${name} has ${formatBytes(free)} free at ${store.location}, ${formatBytes(minFreeBytes)} are required`,
        { hint: "free space there, prune old backups, or lower HEALTH_DISK_MIN_FREE_GB" },
      );
    }
    return { detail: free === null ? store.location : `${store.location}, ${formatBytes(free)} free` };
  });
}

/** Its own snapshots of the project come along: they are the parents of the next ones. Changes nothing. */
export async function checkRepository(
  { name, repository }: NamedRepository,
  project: string,
  signal: AbortSignal,
): Promise<Check & { known?: readonly Snapshot[] }> {
  return check(`storage ${name}`, async () => {
    const known = await repository.listSnapshots({ tags: [projectTag(project)], host: repository.host }, signal);
    const count = known.length === 1 ? "1 snapshot" : `${known.length} snapshots`;
    return { detail: `${repository.location}, ${count} of ${project}`, known };
  });
}

export async function checkCipher(cipher: Cipher, signal: AbortSignal): Promise<Check> {
  return check("encryption", async () => {
    await cipher.check(signal);
    return {
      detail: `${cipher.scheme}, key ${cipher.keyId}${cipher.canDecrypt ? "" : ", this machine cannot decrypt"}`,
    };
  });
}

async function check<T extends { readonly detail: string }>(name: string, ask: () => Promise<T>): Promise<Check & T> {
  try {
    return { name, passed: true, hint: null, error: null, ...(await ask()) };
  } catch (error) {
    const appError = toAppError(error);
    const failed: Check = {
      name,
      passed: false,
      detail: appError.message,
      hint: appError.hint ?? null,
      error: appError,
    };
    return failed as Check & T;
  }
}

export interface ReadyRepository extends NamedRepository {
  /** The project's snapshots of this host. */
  readonly known: readonly Snapshot[];
}

export interface PreflightResult {
  /** Storages that can be written; with the repositories never empty. */
  readonly stores: readonly NamedStore[];
  readonly repositories: readonly ReadyRepository[];
  readonly failures: readonly StorageFailure[];
  readonly infos: ReadonlyMap<string, SourceInfo>;
  /** Still being opened and tried: stretching a password takes longer than everything else here. Rejects when the key is unusable. */
  readonly cipher: Promise<Cipher | null>;
}

/** Throws when a source does not answer or no storage can be written. */
export async function preflight(
  deps: Pick<Deps, "settings">,
  project: Project,
  opened: {
    readonly sources: readonly NamedSource[];
    readonly stores: readonly NamedStore[];
    readonly repositories: readonly NamedRepository[];
    /** Storages that could not even be opened: the reason when no other one is left. */
    readonly unopened: readonly StorageFailure[];
    readonly cipher: Promise<Cipher | null>;
  },
  signal: AbortSignal,
): Promise<PreflightResult> {
  // All at once, for each of them waits for something else; and all to their end, so that no storage is left in the
  // middle of its probe when another one's answer ends the run.
  const [asked, checks, answers] = await Promise.all([
    Promise.all(opened.sources.map((named) => checkSource(named, signal))),
    Promise.all(opened.stores.map((storage) => checkStorage(storage, deps.settings.diskMinFreeBytes, signal))),
    Promise.all(opened.repositories.map((named) => checkRepository(named, project.name, signal))),
  ]);
  const infos = new Map<string, SourceInfo>();
  for (const [index, result] of asked.entries()) {
    if (result.error !== null) throw tagStage(result.error, "dump");
    if (result.info !== undefined) infos.set(opened.sources[index]!.name, result.info);
  }
  const cipher = provenCipher(opened.cipher, signal);
  // Whoever needs it awaits it; until then a failure must not count as unhandled.
  cipher.catch(() => {});
  const stores: NamedStore[] = [];
  const failures: StorageFailure[] = [];
  for (const [index, result] of checks.entries()) {
    const storage = opened.stores[index]!;
    if (result.error === null) stores.push(storage);
    else failures.push({ name: storage.name, error: tagStage(result.error, "sync") });
  }
  const repositories: ReadyRepository[] = [];
  for (const [index, result] of answers.entries()) {
    const named = opened.repositories[index]!;
    if (result.error === null) repositories.push({ ...named, known: result.known ?? [] });
    else failures.push({ name: named.name, error: tagStage(result.error, "sync") });
  }
  if (stores.length + repositories.length > 0) return { stores, repositories, failures, infos, cipher };
  throw (
    failures.at(0)?.error ??
    opened.unopened.at(0)?.error ??
    new AppError("config_invalid", `project ${project.name} has no storage`, {
      hint: "add a storage to the configuration",
    })
  );
}

async function provenCipher(opening: Promise<Cipher | null>, signal: AbortSignal): Promise<Cipher | null> {
  try {
    const cipher = await opening;
    if (cipher === null) return null;
    const { error } = await checkCipher(cipher, signal);
    if (error !== null) throw error;
    return cipher;
  } catch (error) {
    throw tagStage(error, "encrypt");
  }
}

/** `512 B`, `1.5 GB`, `245 MB`: powers of 1000, one decimal below 100. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
