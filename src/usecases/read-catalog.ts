// What a storage holds, by its own listing: manifests are the truth, the state store only remembers them.

import { AppError, toAppError } from "../domain/error.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { Manifest } from "../domain/backup/manifest.ts";
import { manifestKey, parseObjectKey, pinKey, verifiedKey } from "../domain/backup/object-key.ts";
import { parseManifest } from "../domain/backup/parse-manifest.ts";
import type { ObjectInfo, ObjectReader, ObjectStore } from "../ports/object-store.ts";
import { readWhole } from "./read-whole.ts";

export interface CatalogEntry {
  readonly backupId: string;
  readonly project: string;
  readonly stem: string;
  readonly pinned: boolean;
  readonly hasVerification: boolean;
  /** All objects under the stem, the manifest included. */
  readonly objects: readonly ObjectInfo[];
}

export interface StorageCatalog {
  /** Backups with a manifest, newest name first. */
  readonly entries: readonly CatalogEntry[];
  /** Parts without a manifest: a run in progress, or what a crash left. */
  readonly orphans: readonly { readonly backupId: string; readonly project: string; readonly object: ObjectInfo }[];
}

/** `project` empty: every project on the storage. */
export async function readCatalog(store: ObjectStore, project: string, signal: AbortSignal): Promise<StorageCatalog> {
  const groups = new Map<string, { project: string; backupId: string; objects: ObjectInfo[] }>();
  for await (const object of store.list(project === "" ? "" : `${project}/`, signal)) {
    const parsed = parseObjectKey(object.key);
    if (parsed === undefined || (project !== "" && parsed.project !== project)) continue;
    const group = groups.get(parsed.stem) ?? {
      project: parsed.project,
      backupId: parsed.backupId,
      objects: [] as ObjectInfo[],
    };
    group.objects.push(object);
    groups.set(parsed.stem, group);
  }
  const entries: CatalogEntry[] = [];
  const orphans: { backupId: string; project: string; object: ObjectInfo }[] = [];
  for (const [stem, group] of groups) {
    const keys = new Set(group.objects.map((object) => object.key));
    if (keys.has(manifestKey(stem))) {
      const marks = { pinned: keys.has(pinKey(stem)), hasVerification: keys.has(verifiedKey(stem)) };
      entries.push({ stem, backupId: group.backupId, project: group.project, objects: group.objects, ...marks });
    } else {
      const { backupId } = group;
      orphans.push(...group.objects.map((object) => ({ backupId, project: group.project, object })));
    }
  }
  entries.sort((a, b) => (sortName(a) < sortName(b) ? 1 : -1));
  return { entries, orphans };
}

/** Year, month, then the time of the name: the type in the middle of the name must not decide. */
function sortName(entry: CatalogEntry): string {
  return `${parseObjectKey(manifestKey(entry.stem))?.stamp ?? ""}${entry.stem}`;
}

/** Throws `manifest_invalid`, which names the object, and what the storage answers. */
export async function readManifest(store: ObjectReader, stem: string, signal: AbortSignal): Promise<Manifest> {
  return parseStoredManifest(new TextDecoder().decode(await readWhole(store, manifestKey(stem), signal)), stem);
}

/** Throws `manifest_invalid` also for a manifest that lies under another name than its own. */
export function parseStoredManifest(text: string, stem: string): Manifest {
  const manifest = parseNamed(text, manifestKey(stem));
  if (manifest.stem === stem) return manifest;
  throw new AppError("manifest_invalid", `${manifestKey(stem)} describes ${manifest.stem}, not itself`, {
    hint: "the object was moved or replaced; restore from another storage",
  });
}

/** Whoever hears of it must know which of many backups it speaks of. */
function parseNamed(text: string, key: string): Manifest {
  try {
    return parseManifest(text);
  } catch (error) {
    const { code, message, hint, details } = toAppError(error);
    throw new AppError(code, `${key}: ${message}`, {
      hint: hint ?? "it was damaged or changed: restore from another storage, or name another backup by its id",
      details,
      cause: error,
    });
  }
}

/** Throws when the result is there but cannot be read: prune must then refuse. */
export async function readVerification(
  store: ObjectReader,
  stem: string,
  signal: AbortSignal,
): Promise<Omit<Verification, "storage">> {
  const key = verifiedKey(stem);
  const text = new TextDecoder().decode(await readWhole(store, key, signal));
  const value = parseOrUndefined(text);
  if (isVerification(value)) return value;
  throw new AppError("manifest_invalid", `verification result ${key} cannot be read`, {
    hint: "run backupctl verify on this backup again",
  });
}

function parseOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

function isVerification(value: unknown): value is Omit<Verification, "storage"> {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  return (
    ["checksum", "structure", "restore"].includes(String(record["level"])) &&
    typeof record["passed"] === "boolean" &&
    typeof record["at"] === "number"
  );
}
