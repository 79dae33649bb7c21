// Names of the objects of a backup: {project}/{YYYY}/{MM}/{project}_{type}_{YYYYMMDD_HHMMSS}_{id}.{ext}

import { AppError } from "../error.ts";
import { namePattern, nameSource } from "../project/name.ts";
import { localTimeOf, pad } from "../schedule/calendar-bucket.ts";
import { backupTypes, type BackupType } from "./backup.ts";

export interface StemParts {
  readonly project: string;
  readonly type: BackupType;
  readonly startedAt: number; // epoch ms
  readonly timeZone: string;
  readonly backupId: string;
}

const backupIdPattern = /^[0-9a-z]{4,32}$/;

/** Without the storage's own prefix; times in `timeZone`. Throws `internal` for names that were never validated. */
export function formatStem({ project, type, startedAt, timeZone, backupId }: StemParts): string {
  if (!namePattern.test(project) || !backupIdPattern.test(backupId)) {
    throw new AppError("internal", `no object key can be made of project "${project}" and backup "${backupId}"`);
  }
  const time = localTimeOf(startedAt, timeZone);
  const year = pad(time.year, 4);
  const month = pad(time.month);
  const stamp = `${year}${month}${pad(time.day)}_${pad(time.hour)}${pad(time.minute)}${pad(time.second)}`;
  return `${project}/${year}/${month}/${project}_${type}_${stamp}_${backupId}`;
}

/** Digits and lower-case letters without i, l, o and u: made to be read aloud and typed. */
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const idRandomBytes = 5;

/** Eight characters from the first five of some random bytes. */
export function newBackupId(random: Uint8Array): string {
  if (random.length < idRandomBytes) {
    throw new AppError("internal", `a backup id needs ${idRandomBytes} random bytes, not ${random.length}`);
  }
  let bits = random.subarray(0, idRandomBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  let id = "";
  for (let digit = 0; digit < 8; digit++) {
    id = idAlphabet[bits % 32]! + id;
    bits = Math.floor(bits / 32);
  }
  return id;
}

/** `dump`, `zst`, `enc` → `{stem}.dump.zst.enc`; empty extensions are left out. */
export function formatPartKey(stem: string, format: string, ...extensions: readonly string[]): string {
  return [stem, format, ...extensions].filter((piece) => piece !== "").join(".");
}

const sidecarSuffixes = { manifest: "manifest.json", pin: "pin.json", verified: "verified.json" } as const;

export function manifestKey(stem: string): string {
  return `${stem}.${sidecarSuffixes.manifest}`;
}

export function pinKey(stem: string): string {
  return `${stem}.${sidecarSuffixes.pin}`;
}

export function verifiedKey(stem: string): string {
  return `${stem}.${sidecarSuffixes.verified}`;
}

export interface ParsedKey {
  readonly stem: string;
  readonly project: string;
  readonly type: BackupType;
  /** Calendar time in the zone it was made in: `20261121_021500`. */
  readonly stamp: string;
  readonly backupId: string;
  readonly kind: "manifest" | "pin" | "verified" | "part";
  /** All that follows the stem and its dot. */
  readonly extension: string;
}

const keyPattern = new RegExp(
  `^((${nameSource})/(\\d{4})/(\\d{2})/\\2_(${backupTypes.join("|")})_(\\3\\4\\d{2}_\\d{6})_([0-9a-z]{4,32}))\\.([A-Za-z0-9][A-Za-z0-9._-]*)$`,
);

/** Undefined for an object that is none of ours. */
export function parseObjectKey(key: string): ParsedKey | undefined {
  const [, stem, project, , , type, stamp, backupId, extension] = keyPattern.exec(key) ?? [];
  if (stem === undefined || extension === undefined) return undefined;
  const sidecar = Object.entries(sidecarSuffixes).find(([, suffix]) => suffix === extension)?.[0];
  return {
    stem,
    project: project!,
    type: type as BackupType,
    stamp: stamp!,
    backupId: backupId!,
    kind: (sidecar ?? "part") as ParsedKey["kind"],
    extension,
  };
}
