// Ids of backups whose runs have ended: only what lies under these may be debris. A file without a record is none, so that
// an empty or unreachable state store makes nobody delete anything.

import type { Project } from "../domain/project/project.ts";
import { isTerminal, type Run } from "../domain/run/run.ts";
import type { Deps } from "./deps.ts";

const recentRuns = 1_000;
/** A run without an end that shows no life may only be cut off from the state store: it gets a day. */
const silentMs = 24 * 60 * 60 * 1000;

/** How long a run may show no life before it counts as ended, ms. */
export function patienceOf(project: Pick<Project, "timeoutMs"> | undefined): number {
  return Math.max(silentMs, 2 * (project?.timeoutMs ?? 0));
}

export interface EndedRequest {
  readonly project: Project;
  /** The run that asks. */
  readonly except: string;
  /** Passes over the runs that succeeded. */
  readonly failedOnly?: boolean;
}

/** Of the newest runs of the project. */
export async function findEndedBackups(
  deps: Pick<Deps, "clock" | "state">,
  { project, except, failedOnly }: EndedRequest,
): Promise<ReadonlySet<string>> {
  const silentSince = deps.clock.now() - patienceOf(project);
  const runs = await deps.state.listRuns({ project: project.name, kind: "backup", limit: recentRuns });
  return new Set(
    runs
      .filter(({ id, status }) => id !== except && !(failedOnly === true && status === "succeeded"))
      .filter(({ status, heartbeatAt }) => isTerminal(status) || heartbeatAt < silentSince)
      .flatMap((run) => [...(run.backupId === null ? [] : [run.backupId]), ...abandonedIdsOf(run)]),
  );
}

/** Ids of the attempts of a run that was retried. */
function abandonedIdsOf({ result }: Run): readonly string[] {
  const { abandonedIds } = result;
  return Array.isArray(abandonedIds) ? abandonedIds.filter((id) => typeof id === "string") : [];
}
