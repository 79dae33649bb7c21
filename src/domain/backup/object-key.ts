// Names of the objects of a backup: {project}/{YYYY}/{MM}/{project}_{type}_{YYYYMMDD_HHMMSS}_{id}.{ext}

import { AppError } from "../error.ts";
import { backupTypes, type BackupType } from "./backup.ts";

export interface StemParts {
  readonly project: string;
  readonly type: BackupType;
  readonly startedAt: number; // epoch ms
  readonly timeZone: string;
  readonly backupId: string;
}

const projectPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const backupIdPattern = /^[0-9a-z]{4,32}$/;

/** Without the storage's own prefix. Throws `internal` for names that were never validated. */
export function formatStem({ project, type, startedAt, timeZone, backupId }: StemParts): string {
  if (!projectPattern.test(project) || !backupIdPattern.test(backupId)) {
    throw new AppError("internal", `no object key can be made of project "${project}" and backup "${backupId}"`);
  }
  const { year, month, day, hour, minute, second } = calendarParts(startedAt, timeZone);
  const stamp = `${year}${month}${day}_${hour}${minute}${second}`;
  return `${project}/${year}/${month}/${project}_${type}_${stamp}_${backupId}`;
}

function calendarParts(at: number, timeZone: string): Readonly<Record<string, string>> {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    calendar: "iso8601",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return { ...parts, year: parts["year"]!.padStart(4, "0") };
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
  `^(([A-Za-z0-9][A-Za-z0-9._-]{0,62})/(\\d{4})/(\\d{2})/\\2_(${backupTypes.join("|")})_(\\3\\4\\d{2}_\\d{6})_([0-9a-z]{4,32}))\\.([A-Za-z0-9][A-Za-z0-9._-]*)$`,
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
