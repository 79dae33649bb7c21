// Which backups are judged together: those of one project on one storage under one rule.

import type { Backup } from "../backup/backup.ts";
import type { Project } from "../project/project.ts";
import type { RetentionCandidate } from "./plan-retention.ts";
import type { RetentionPolicy } from "./retention-policy.ts";

export interface RetentionSet {
  readonly project: string;
  readonly storage: string;
  /** The schedule with a retention of its own; null: everything else under the project's rule. */
  readonly schedule: string | null;
  /** Null: nothing is deleted. */
  readonly policy: RetentionPolicy | null;
  readonly timeZone: string;
  readonly backups: readonly Backup[];
}

/**
 * The sets of one project, one per storage and rule that has a backup; backups of other projects are left out. A schedule that
 * lost its own retention, or is gone, leaves its backups to the project's rule.
 */
export function retentionSets(
  project: Pick<Project, "name" | "retention" | "schedules">,
  backups: readonly Backup[],
  defaultTimeZone: string,
): readonly RetentionSet[] {
  const making = project.schedules.filter(({ kind }) => kind === "backup");
  const own = new Map(making.filter(({ retention }) => retention !== undefined).map((found) => [found.name, found]));
  const zones = new Set(making.filter(({ name }) => !own.has(name)).map(({ timeZone }) => timeZone));
  const [zone] = zones;
  const projectZone = zones.size === 1 && zone !== undefined ? zone : defaultTimeZone;

  const sets = new Map<string, RetentionSet & { backups: Backup[] }>();
  for (const backup of backups) {
    if (backup.project !== project.name) continue;
    const schedule = own.get(backup.schedule ?? "");
    for (const storage of backup.storages) {
      const key = JSON.stringify([storage, schedule?.name ?? null]);
      const set = sets.get(key) ?? {
        project: project.name,
        storage,
        schedule: schedule?.name ?? null,
        policy: schedule === undefined ? project.retention : (schedule.retention ?? null),
        timeZone: schedule?.timeZone ?? projectZone,
        backups: [],
      };
      set.backups.push(backup);
      sets.set(key, set);
    }
  }
  return [...sets.values()];
}

export function retentionCandidateOf(backup: Backup): RetentionCandidate {
  const { id, createdAt, sizeBytes, type, pinned, verification } = backup;
  return { id, createdAt, sizeBytes, type, pinned, verifiedAt: verification?.passed ? verification.at : null };
}
