// Which backups of a project are judged together on one storage: those under the same rule.

import type { Verification } from "../backup/backup.ts";
import type { Project } from "../project/project.ts";
import type { RetentionCandidate } from "./plan-retention.ts";
import type { RetentionPolicy } from "./retention-policy.ts";

export interface RetentionSet<Kept> {
  /** The schedule with a retention of its own; null: everything else, under the project's rule. */
  readonly schedule: string | null;
  /** Null: nothing is deleted. */
  readonly policy: RetentionPolicy | null;
  readonly timeZone: string;
  readonly backups: readonly Kept[];
}

/**
 * The sets of one project on one storage that have a backup. A schedule that lost its own retention, or is gone, leaves
 * its backups to the project's set, whose time zone is that of its schedules when they agree.
 */
export function retentionSets<Kept extends { readonly schedule: string | null }>(
  project: Pick<Project, "retention" | "schedules">,
  backups: readonly Kept[],
  defaultTimeZone: string,
): readonly RetentionSet<Kept>[] {
  const making = project.schedules.filter(({ kind }) => kind === "backup");
  const own = new Map(making.filter(({ retention }) => retention !== undefined).map((found) => [found.name, found]));
  const zones = new Set(making.filter(({ name }) => !own.has(name)).map(({ timeZone }) => timeZone));
  const [zone] = zones;
  const projectZone = zones.size === 1 && zone !== undefined ? zone : defaultTimeZone;

  const grouped = Map.groupBy(backups, ({ schedule }) => (schedule !== null && own.has(schedule) ? schedule : null));
  return [...grouped].map(([name, members]) => {
    const schedule = name === null ? undefined : own.get(name);
    return {
      schedule: name,
      policy: schedule?.retention ?? project.retention,
      timeZone: schedule?.timeZone ?? projectZone,
      backups: members,
    };
  });
}

/** What its last verification says of a backup, for its candidate: only one that passed proves it. */
export function proofOf(
  verification: Pick<Verification, "passed" | "at"> | null,
): Pick<RetentionCandidate, "verifiedAt" | "hasFailed"> {
  return {
    verifiedAt: verification?.passed === true ? verification.at : null,
    hasFailed: verification?.passed === false,
  };
}
