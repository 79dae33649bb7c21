// Runs that are recorded as running although the process that ran them is gone. Nobody is declared dead for being silent
// alone: by its process where we can see it, else by the lock that it left and the kernel gave up, else only when its
// last sign of life is a day old and nobody holds the project's lock. Another boot under our host's name may also be
// another machine of that name, which shares this state store and lives: it must have been silent for some minutes.

import type { Project } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { Deps } from "./deps.ts";
import { patienceOf } from "./find-ended-backups.ts";

const mostRuns = 10_000;
/** Many times the pause between two signs of life. */
const otherBootSilenceMs = 5 * 60_000;

/** `only`: of one project; null: of all. A project that is not in the configuration has runs too. */
export async function findDeadRuns(
  deps: Pick<Deps, "clock" | "state" | "lock" | "judgeOwner" | "owner">,
  projects: readonly Project[],
  only: string | null,
): Promise<readonly Run[]> {
  const unfinished = await deps.state.listRuns({
    status: ["running", "queued"],
    limit: mostRuns,
    ...(only === null ? {} : { project: only }),
  });
  const dead: Run[] = [];
  for (const run of unfinished) {
    const patienceMs = patienceOf(projects.find(({ name }) => name === run.project));
    if (await isDead(deps, run, patienceMs)) dead.push(run);
  }
  return dead;
}

async function isDead(
  deps: Pick<Deps, "clock" | "lock" | "judgeOwner" | "owner">,
  run: Run,
  patienceMs: number,
): Promise<boolean> {
  const state = deps.judgeOwner(run.owner);
  if (state === "alive") return false;
  if (state === "dead" && !mayLiveElsewhere(deps, run)) return true;
  const left = await deps.lock.findDead(run.project);
  if (left !== undefined && isSameOwner(left.owner, run.owner)) return true;
  if (state === "dead" || deps.clock.now() - run.heartbeatAt < patienceMs) return false;
  return (await deps.lock.findHolder(run.project)) === undefined;
}

/** Of an owner with our host's name: it gave a sign of life just now, by a clock that is near ours, from another boot. */
export function mayLiveElsewhere(
  deps: Pick<Deps, "clock" | "owner">,
  { owner, heartbeatAt }: Pick<Run, "owner" | "heartbeatAt">,
): boolean {
  return owner.bootId !== deps.owner.bootId && Math.abs(deps.clock.now() - heartbeatAt) < otherBootSilenceMs;
}

function isSameOwner(a: Run["owner"], b: Run["owner"]): boolean {
  return a.host === b.host && a.bootId === b.bootId && a.pid === b.pid && a.startTicks === b.startTicks;
}
