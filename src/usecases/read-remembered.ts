// What the state store remembers of a project's backups. It saves reading manifests again, and is never the truth.

import type { Backup } from "../domain/backup/backup.ts";
import type { Deps } from "./deps.ts";

const mostBackups = 100_000;

/** By id; `storage` absent: on all of them. */
export async function readRemembered(
  { state }: Pick<Deps, "state">,
  project: string,
  storage?: string,
): Promise<ReadonlyMap<string, Backup>> {
  const filter = storage === undefined ? { project } : { project, storage };
  const backups = await state.listBackups({ ...filter, limit: mostBackups });
  return new Map(backups.map((backup) => [backup.id, backup]));
}
