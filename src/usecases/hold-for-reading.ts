// A reader of a backup says so by a lock, so that a prune on this machine passes over what is being read. Several read
// at once: each takes the first free place of its project, and the purpose of that lock names the backup.

import { AppError, toAppError } from "../domain/error.ts";
import type { Lock } from "../ports/lock.ts";
import type { ActiveRun } from "./execute-run.ts";

const places = 16;
/** Names of locks are as long as those of projects, so that long names of projects are cut for what follows. */
const longestPrefix = 48;

/**
 * Disposed with `stack`. Protection is a courtesy: where no lock can be taken the reader goes on with a warning, for a
 * backup that vanishes under a reader is an error of the reader and never a silent gap.
 */
export async function holdForReading(
  deps: { readonly lock: Lock },
  run: Pick<ActiveRun, "log">,
  project: string,
  backupId: string,
  stack: AsyncDisposableStack,
): Promise<void> {
  for (let place = 0; place < places; place++) {
    try {
      stack.use(await deps.lock.acquire(placeName(project, place), purposeOf(backupId)));
      return;
    } catch (error) {
      if (error instanceof AppError && error.code === "lock_held") continue;
      run.log("warn", `backup ${backupId} is read without protection from prune: ${toAppError(error).message}`);
      return;
    }
  }
  run.log("warn", `backup ${backupId} is read without protection from prune: ${places} others are reading`);
}

/** Whoever begins to read after this look finds the manifest gone, if it is deleted then. */
export async function isBeingRead(deps: { readonly lock: Lock }, project: string, backupId: string): Promise<boolean> {
  const names = Array.from({ length: places }, (_, place) => placeName(project, place));
  const holders = await Promise.all(names.map((name) => deps.lock.findHolder(name)));
  return holders.some((holder) => holder?.purpose === purposeOf(backupId));
}

function placeName(project: string, place: number): string {
  return lockBeside(project, `reading.${place}`);
}

/** The name of a lock of a project beside its own. Two projects with long names may share it: then they take turns. */
export function lockBeside(project: string, what: string): string {
  return `${project.slice(0, longestPrefix)}.${what}`;
}

function purposeOf(backupId: string): string {
  return `reading ${backupId}`;
}
