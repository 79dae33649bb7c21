// Which keys the backups on the storages need, by their own manifests: a key that is still needed must not be thrown away.

import { toAppError } from "../domain/error.ts";
import { manifestKey } from "../domain/backup/object-key.ts";
import { checkManifest } from "../domain/backup/seal-manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps } from "./deps.ts";
import { mapAtOnce } from "./map-at-once.ts";
import { openDecipher } from "./open-decipher.ts";
import type { OpenDeps } from "./open-project.ts";
import { parseStoredManifest } from "./read-catalog.ts";
import { readHolders, type Holder } from "./read-holders.ts";
import { isPlainSnapshot } from "./read-manifest-of.ts";
import { readWhole } from "./read-whole.ts";
import type { StorageFailure } from "./named.ts";

export interface KeyNeed {
  readonly scheme: string;
  readonly keyId: string;
  /** Each counted once, on however many storages it lies. */
  readonly backups: number;
  readonly projects: readonly string[];
  readonly newestAt: string; // ISO 8601
  /** True when a configured key proved the seal of the newest of them although its id is another: a password on another installation. */
  readonly opened: boolean;
}

export interface KeyNeeds {
  readonly needs: readonly KeyNeed[];
  /** Storages and manifests that could not be read: what they need is not known. */
  readonly failures: readonly StorageFailure[];
}

interface KeyNeedsRequest {
  readonly projects: readonly Project[];
  readonly storages: readonly string[];
  /** Ids that are known: their seals need no proof. */
  readonly knownKeyIds: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** Newest use first. */
export async function listKeyNeeds(
  deps: OpenDeps & Pick<Deps, "openCipher">,
  request: KeyNeedsRequest,
): Promise<KeyNeeds> {
  const { signal } = request;
  await using stack = new AsyncDisposableStack();
  const read = await readHolders(deps, { project: "", storages: request.storages, log: () => {}, signal }, stack);
  const failures: StorageFailure[] = [...read.failures];
  const copies = new Map<string, Holder>();
  for (const holder of read.holders) {
    if (!copies.has(holder.entry.backupId) && !isPlainSnapshot(holder)) copies.set(holder.entry.backupId, holder);
  }
  const found = new Map<string, KeyNeed & { text: string }>();
  await mapAtOnce([...copies.values()], async ({ storage, entry }) => {
    try {
      const text = new TextDecoder().decode(await readWhole(storage.store, manifestKey(entry.stem), signal));
      note(found, text, entry.stem);
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ name: storage.name, error: toAppError(error) });
    }
  });
  const needs: KeyNeed[] = [];
  for (const { text, ...need } of found.values()) {
    const isKnown = request.knownKeyIds.has(need.keyId);
    needs.push(isKnown ? need : { ...need, opened: await isProven(deps, request.projects, need.projects, text) });
  }
  return { needs: needs.toSorted((a, b) => (a.newestAt < b.newestAt ? 1 : -1)), failures };
}

function note(found: Map<string, KeyNeed & { text: string }>, text: string, stem: string): void {
  const manifest = parseStoredManifest(text, stem);
  const keys = manifest.parts.flatMap(({ encryption }) => (encryption === null ? [] : [encryption]));
  for (const { scheme, keyId } of new Map(keys.map((key) => [`${key.scheme} ${key.keyId}`, key])).values()) {
    const name = `${scheme} ${keyId}`;
    const known = found.get(name);
    const isNewer = known === undefined || known.newestAt < manifest.startedAt;
    found.set(name, {
      scheme,
      keyId,
      backups: (known?.backups ?? 0) + 1,
      projects: [...new Set([...(known?.projects ?? []), manifest.project])].toSorted(),
      newestAt: isNewer ? manifest.startedAt : known.newestAt,
      opened: false,
      text: isNewer ? text : known.text,
    });
  }
}

async function isProven(
  deps: Pick<Deps, "openCipher">,
  projects: readonly Project[],
  names: readonly string[],
  text: string,
): Promise<boolean> {
  const project = projects.find(({ name }) => names.includes(name)) ?? null;
  try {
    const manifest = await checkManifest(null, text);
    const cipher = await openDecipher(deps, project, manifest);
    if (cipher?.verifyAuthentication === undefined) return false;
    await checkManifest(cipher, text);
    return true;
  } catch {
    return false;
  }
}
