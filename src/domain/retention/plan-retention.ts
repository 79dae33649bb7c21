// Which backups of one set on one storage stay and which go. The preview and the prune both ask this one function.

import type { BackupType } from "../backup/backup.ts";
import type { RetentionPolicy } from "./retention-policy.ts";
import { applyKeepRules, hasKeepRule, hasRule } from "./retention-tiers.ts";

/** A committed backup: its manifest was seen on the storage in question. */
export interface RetentionCandidate {
  readonly id: string;
  readonly createdAt: number; // epoch ms
  readonly sizeBytes: number;
  readonly type: BackupType;
  readonly pinned: boolean;
  /** When it last passed a verification; null: never, or it failed the last one. */
  readonly verifiedAt: number | null;
  /** It failed its last verification. */
  readonly hasFailed: boolean;
}

export interface RetentionContext {
  readonly now: number; // epoch ms
  readonly timeZone: string;
  /** MAX_BACKUP_RETENTION_DAYS; null: not set. */
  readonly maxRetentionDays: number | null;
  /** SAFETY_BACKUP_DAYS. */
  readonly safetyDays: number;
  /** The storage is BACKUP_BASE_DIR, where `localDays` limits the age as well. */
  readonly isBaseDir: boolean;
}

export interface KeptBackup {
  readonly id: string;
  /** Never empty: `newest`, `pinned`, `daily 3 of 7` … */
  readonly reasons: readonly string[];
  /** Why it would have gone, were it not the newest, the last verified or pinned; else null. */
  readonly spared: string | null;
}

export interface RemovedBackup {
  readonly id: string;
  readonly reason: string;
}

export interface RetentionPlan {
  /** Newest first. */
  readonly keep: readonly KeptBackup[];
  /** Oldest first: the order in which to delete. */
  readonly remove: readonly RemovedBackup[];
}

const dayMs = 86_400_000;

/**
 * Keep rules first, then the limits of age and size, oldest first. A policy of null, or without any rule, removes nothing
 * but safety backups, which live by `safetyDays` alone: they take no place of a keep rule and no part of a total size.
 * A backup from the future (the clock stepped back) is kept and counts for nothing, so that it pushes none out.
 */
export function planRetention(
  candidates: readonly RetentionCandidate[],
  policy: RetentionPolicy | null,
  context: RetentionContext,
): RetentionPlan {
  const isDated = ({ createdAt }: RetentionCandidate): boolean => createdAt <= context.now;
  const newestFirst = candidates.filter(isDated).toSorted(byNewest);
  const regular = newestFirst.filter(({ type }) => type !== "safety");
  const protections = protect(newestFirst, regular);
  const rules: RetentionPolicy = policy ?? {};
  const hasTiers = hasKeepRule(rules);
  const tierReasons = hasTiers ? applyKeepRules(regular, rules, context.timeZone) : new Map<string, string[]>();
  const ageLimits = ageLimitsOf(rules, context);
  const maxBytes = rules.maxTotalSizeBytes ?? 0;

  const whyRemove = (backup: RetentionCandidate): string | null => {
    const ageMs = context.now - backup.createdAt;
    if (backup.type === "safety") {
      return ageMs > context.safetyDays * dayMs ? `safety backup older than ${days(context.safetyDays)}` : null;
    }
    if (hasTiers && !tierReasons.has(backup.id)) return "kept by no rule";
    return ageLimits.find(({ limitDays }) => ageMs > limitDays * dayMs)?.reason ?? null;
  };
  const unwanted = new Map<string, string>();
  for (const backup of newestFirst) {
    const reason = whyRemove(backup);
    if (reason !== null) unwanted.set(backup.id, reason);
  }

  const isRemoved = ({ id }: RetentionCandidate): boolean => unwanted.has(id) && !protections.has(id);
  if (maxBytes > 0) {
    let totalBytes = 0;
    for (const backup of regular) if (!isRemoved(backup)) totalBytes += backup.sizeBytes;
    for (const backup of regular.toReversed()) {
      if (totalBytes <= maxBytes) break;
      if (unwanted.has(backup.id)) continue;
      unwanted.set(backup.id, `total size over ${maxBytes} bytes`);
      if (isRemoved(backup)) totalBytes -= backup.sizeBytes;
    }
  }

  const describeKept = ({ id, type }: RetentionCandidate): KeptBackup => {
    const reasons = [...(protections.get(id) ?? []), ...(tierReasons.get(id) ?? [])];
    if (reasons.length === 0) {
      const ruled = hasRule(rules) ? "within all limits" : "no rule is given";
      reasons.push(type === "safety" ? `safety backup, stays ${days(context.safetyDays)}` : ruled);
    }
    return { id, reasons, spared: unwanted.get(id) ?? null };
  };
  const fromTheFuture = candidates
    .filter((backup) => !isDated(backup))
    .toSorted(byNewest)
    .map(({ id }) => ({ id, reasons: ["dated in the future"], spared: null }));
  return {
    keep: [...fromTheFuture, ...newestFirst.filter((backup) => !isRemoved(backup)).map(describeKept)],
    remove: newestFirst
      .toReversed()
      .filter(isRemoved)
      .map(({ id }) => ({ id, reason: unwanted.get(id)! })),
  };
}

/** What no rule removes. A safety backup does not take the protection of the newest and verified regular ones. */
function protect(
  newestFirst: readonly RetentionCandidate[],
  regular: readonly RetentionCandidate[],
): ReadonlyMap<string, readonly string[]> {
  const protections = new Map<string, string[]>();
  const add = (backup: RetentionCandidate | undefined, reason: string): void => {
    if (backup === undefined) return;
    const reasons = protections.get(backup.id) ?? [];
    if (!reasons.includes(reason)) protections.set(backup.id, [...reasons, reason]);
  };
  for (const group of [newestFirst, regular]) {
    add(group[0], "newest");
    // What is known to be damaged must not push out what may be whole.
    if (group[0]?.hasFailed === true)
      add(
        group.find(({ hasFailed }) => !hasFailed),
        "newest that did not fail",
      );
    const verified = group.filter(({ verifiedAt }) => verifiedAt !== null);
    add(verified[0], "newest verified");
    add(verified.toSorted((a, b) => b.verifiedAt! - a.verifiedAt!)[0], "last verified");
  }
  for (const backup of newestFirst) if (backup.pinned) add(backup, "pinned");
  return protections;
}

interface AgeLimit {
  readonly limitDays: number;
  readonly reason: string;
}

function ageLimitsOf(policy: RetentionPolicy, context: RetentionContext): readonly AgeLimit[] {
  const { maxAgeDays = 0, localDays = 0 } = policy;
  const limits: AgeLimit[] = [];
  if (maxAgeDays > 0) limits.push({ limitDays: maxAgeDays, reason: `older than ${days(maxAgeDays)}` });
  if (localDays > 0 && context.isBaseDir) {
    limits.push({ limitDays: localDays, reason: `older than ${days(localDays)} in the base directory` });
  }
  const { maxRetentionDays } = context;
  if (hasRule(policy) && maxRetentionDays !== null && maxRetentionDays > 0) {
    limits.push({
      limitDays: maxRetentionDays,
      reason: `older than ${days(maxRetentionDays)}, the limit of all backups`,
    });
  }
  return limits;
}

function days(count: number): string {
  return count === 1 ? "1 day" : `${count} days`;
}

function byNewest(a: RetentionCandidate, b: RetentionCandidate): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : -1;
}
