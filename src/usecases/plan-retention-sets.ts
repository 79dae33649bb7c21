// The retention plan of everything that one storage holds of a project, set by set. The preview and the prune, of archives
// and of repositories, all ask it.

import type { Project } from "../domain/project/project.ts";
import { planRetention, type RetentionCandidate, type RetentionPlan } from "../domain/retention/plan-retention.ts";
import { retentionSets } from "../domain/retention/retention-sets.ts";
import type { Deps } from "./deps.ts";

/** A backup as retention judges it, with the schedule whose own retention it falls under; null: the project's set. */
export interface SetCandidate extends RetentionCandidate {
  readonly schedule: string | null;
}

export interface SetPlan<Candidate extends RetentionCandidate = RetentionCandidate> {
  readonly storage: string;
  readonly schedule: string | null;
  readonly plan: RetentionPlan;
  readonly backups: readonly Candidate[];
}

export interface PlannedStorage<Candidate> {
  readonly name: string;
  readonly backups: readonly Candidate[];
  /** It is BACKUP_BASE_DIR, where `local_days` counts. */
  readonly isBaseDir: boolean;
}

/** Changes nothing. */
export function planRetentionSets<Candidate extends SetCandidate>(
  { clock, settings }: Pick<Deps, "clock" | "settings">,
  project: Project,
  { name, backups, isBaseDir }: PlannedStorage<Candidate>,
): readonly SetPlan<Candidate>[] {
  const { maxRetentionDays, safetyBackupDays: safetyDays } = settings;
  return retentionSets(project, backups, settings.timeZone).map(({ schedule, policy, timeZone, backups: members }) => {
    const plan = planRetention(members, policy, {
      now: clock.now(),
      timeZone,
      maxRetentionDays,
      safetyDays,
      isBaseDir,
    });
    return { storage: name, schedule, plan, backups: members };
  });
}
