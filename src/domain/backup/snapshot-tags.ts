// The tags of our snapshots in a repository: what says whose they are, which backup they belong to, and what was found
// out about it later. A tag holds no comma and no white space at its ends, for repositories split and trim them.

import { backupTypes, type BackupType, type Verification } from "./backup.ts";

/** What a snapshot holds: everything of a backup, its dump, or one asset path. */
export type SnapshotContent =
  | { readonly kind: "combined" }
  | { readonly kind: "db" }
  | { readonly kind: "assets"; readonly path: string };

export interface SnapshotLabels {
  readonly project: string;
  readonly backupId: string;
  readonly type: BackupType;
  /** The schedule with a retention of its own, else null. */
  readonly schedule: string | null;
}

export interface SnapshotFacts {
  readonly content: SnapshotContent | null;
  readonly project: string | null;
  /** Null: made by a program that groups no snapshots. */
  readonly backupId: string | null;
  readonly type: BackupType | null;
  readonly schedule: string | null;
  readonly pinned: boolean;
  /** The newest result, without the storage it was found on. */
  readonly verification: Pick<Verification, "level" | "passed" | "at"> | null;
}

export const pinnedTag = "pinned";

const contentPrefix = "backupctl:";
const levels = ["checksum", "structure", "restore"] as const;

export function projectTag(project: string): string {
  return `project:${project}`;
}

export function backupTag(backupId: string): string {
  return `backup:${backupId}`;
}

export function snapshotTags(content: SnapshotContent, labels: SnapshotLabels): readonly string[] {
  return [
    `${contentPrefix}${content.kind === "assets" ? `assets:${encode(content.path)}` : content.kind}`,
    projectTag(labels.project),
    backupTag(labels.backupId),
    `type:${labels.type}`,
    ...(labels.schedule === null ? [] : [`schedule:${encode(labels.schedule)}`]),
  ];
}

export function verificationTag({ level, passed, at }: Pick<Verification, "level" | "passed" | "at">): string {
  return `${passed ? "verified" : "failed"}:${level}:${at}`;
}

/** True for the tags that a new verification result replaces. */
export function isVerificationTag(tag: string): boolean {
  return parseVerification(tag) !== undefined;
}

/** Of any snapshot, also of another program: what its tags do not tell is null. */
export function parseSnapshotTags(tags: readonly string[]): SnapshotFacts {
  const type = valueOf(tags, "type:");
  const schedule = valueOf(tags, "schedule:");
  const results = tags.map(parseVerification).filter((result) => result !== undefined);
  return {
    content: contentOf(tags),
    project: valueOf(tags, "project:"),
    backupId: valueOf(tags, "backup:"),
    type: backupTypes.find((known) => known === type) ?? null,
    schedule: schedule === null ? null : decode(schedule),
    pinned: tags.includes(pinnedTag),
    verification: results.toSorted((a, b) => b.at - a.at)[0] ?? null,
  };
}

function contentOf(tags: readonly string[]): SnapshotContent | null {
  const tag = valueOf(tags, contentPrefix);
  if (tag === "combined" || tag === "db") return { kind: tag };
  return tag?.startsWith("assets:") === true ? { kind: "assets", path: decode(tag.slice("assets:".length)) } : null;
}

function parseVerification(tag: string): NonNullable<SnapshotFacts["verification"]> | undefined {
  const [, word, level, at] = /^(verified|failed):([a-z]+):(\d{1,15})$/.exec(tag) ?? [];
  const known = levels.find((candidate) => candidate === level);
  return known === undefined ? undefined : { level: known, passed: word === "verified", at: Number(at) };
}

function valueOf(tags: readonly string[], prefix: string): string | null {
  return tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length) ?? null;
}

/** Percent signs, commas, control characters, and white space at the ends. */
function encode(text: string): string {
  return text.replaceAll(/[%,\p{Cc}]|^\s+|\s+$/gu, (found) =>
    Array.from(found, (character) => encodeURIComponent(character)).join(""),
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll(/%(?![0-9A-Fa-f]{2})/g, "%25"));
  } catch {
    return text;
  }
}
