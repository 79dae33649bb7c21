// Names of dumps that are staged for a repository: {project}/{project}_{type}_{YYYYMMDD_HHMMSS}_{id}.{ext} below
// BACKUP_BASE_DIR. Without the directories of year and month, so that no storage takes them for its own.

import { nameSource } from "../project/name.ts";
import { backupTypes, type BackupType } from "./backup.ts";
import { formatStem, manifestKey, type StemParts } from "./object-key.ts";

export interface StagedKey {
  /** `shop/shop_manual_20261121_053000_k3f9x2ab` */
  readonly stem: string;
  readonly project: string;
  readonly type: BackupType;
  readonly stamp: string;
  readonly backupId: string;
  readonly extension: string;
}

/** Throws as `formatStem` does. */
export function formatStagedStem(parts: StemParts): string {
  return formatStem(parts).replace(/\/\d{4}\/\d{2}\//, "/");
}

const pattern = new RegExp(
  `^((${nameSource})/\\2_(${backupTypes.join("|")})_(\\d{8}_\\d{6})_([0-9a-z]{4,32}))\\.([A-Za-z0-9][A-Za-z0-9._-]*)$`,
);

/** Undefined for a file that is none of ours. */
export function parseStagedKey(key: string): StagedKey | undefined {
  const [, stem, project, type, stamp, backupId, extension] = pattern.exec(key) ?? [];
  if (stem === undefined) return undefined;
  return {
    stem,
    project: project!,
    type: type as BackupType,
    stamp: stamp!,
    backupId: backupId!,
    extension: extension!,
  };
}

export interface ManifestPath {
  readonly stem: string;
  readonly backupId: string;
  /** Where the parts lie beside it, as the snapshot names it. */
  readonly directory: string;
}

/** The manifest among the paths of a snapshot, wherever its machine had the base directory. */
export function findManifestPath(paths: readonly string[], project: string): ManifestPath | undefined {
  for (const path of paths) {
    const cut = path.lastIndexOf("/");
    const key = parseStagedKey(`${project}/${path.slice(cut + 1)}`);
    if (key !== undefined && manifestKey(key.stem) === `${project}/${path.slice(cut + 1)}`)
      return { stem: key.stem, backupId: key.backupId, directory: path.slice(0, cut) };
  }
  return undefined;
}
