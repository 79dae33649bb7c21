// A snapshot by its own id: then that snapshot alone is meant, also one that another program made.

import { AppError } from "../domain/error.ts";
import type { Snapshot } from "../ports/repository.ts";
import { holderOf, type Holder, type Holders } from "./read-holders.ts";
import { groupSnapshots, type SnapshotGroup } from "./snapshot-groups.ts";
import { parseSnapshotTags } from "../domain/backup/snapshot-tags.ts";
import type { NamedRepository } from "./named.ts";

/** As many digits as repositories show: fewer could be the beginning of a backup's id that is not there any more. */
const fewestDigits = 8;
const idPattern = /^[0-9a-f]{4,64}$/;

/** Empty when there is none; throws `backup_not_found` when several could be meant. */
export async function findSnapshot(
  { holders, repositories }: Pick<Holders, "holders" | "repositories">,
  project: string,
  reference: string,
  signal: AbortSignal,
): Promise<readonly Holder[]> {
  if (!idPattern.test(reference)) return [];
  const own = holders.flatMap(({ storage, place }) =>
    place.kind === "snapshots"
      ? place.group.snapshots
          .filter(({ id }) => id.startsWith(reference))
          .map((snapshot) => alone({ name: storage.name, repository: place.repository }, place.group, snapshot))
      : [],
  );
  const matches = own.length > 0 || reference.length < fewestDigits ? own : await findAny();
  if (matches.length <= 1) return matches;
  const ids = matches.map(({ place }) => (place.kind === "snapshots" ? place.group.snapshots[0]!.shortId : ""));
  throw new AppError("backup_not_found", `${reference} is the beginning of ${matches.length} snapshots`, {
    hint: `give more of the id: ${ids.slice(0, 5).join(", ")}`,
    details: { candidates: ids },
  });

  async function findAny(): Promise<Holder[]> {
    const found: Holder[] = [];
    for (const named of repositories) {
      const snapshots = await named.repository.listSnapshots({ tags: [] }, signal);
      for (const snapshot of snapshots) {
        if (!snapshot.id.startsWith(reference)) continue;
        const known = groupSnapshots([snapshot]);
        const group = known.committed[0] ?? known.unfinished[0];
        found.push(alone(named, group ?? foreignGroup(project, snapshot), snapshot));
      }
    }
    return found;
  }
}

function alone(named: NamedRepository, group: SnapshotGroup, snapshot: Snapshot): Holder {
  const main = group.main?.snapshot.id === snapshot.id ? group.main : null;
  const holder = holderOf(named, { ...group, snapshots: [snapshot], main });
  return {
    ...holder,
    place: {
      kind: "snapshots",
      repository: named.repository,
      group: { ...group, snapshots: [snapshot], main },
      alone: true,
    },
  };
}

function foreignGroup(project: string, snapshot: Snapshot): SnapshotGroup {
  const facts = parseSnapshotTags(snapshot.tags);
  return { backupId: snapshot.shortId, project: facts.project ?? project, snapshots: [snapshot], main: null, facts };
}
