// The backups of a project in a repository: its snapshots, grouped by the backup they belong to. The one that holds the
// manifest is the commit; a group without it is a run in progress, or what a crash left.

import { parseSnapshotTags, projectTag, type SnapshotFacts } from "../domain/backup/snapshot-tags.ts";
import { findManifestPath, type ManifestPath } from "../domain/backup/staged-key.ts";
import type { Repository, Snapshot } from "../ports/repository.ts";

export interface SnapshotGroup {
  readonly backupId: string;
  readonly project: string;
  readonly snapshots: readonly Snapshot[];
  /** The commit: the snapshot that holds the manifest. */
  readonly main: { readonly snapshot: Snapshot; readonly manifest: ManifestPath } | null;
  /** What its tags tell; pinned when any snapshot of the group is. */
  readonly facts: SnapshotFacts;
}

export interface RepositoryCatalog {
  /** Newest first. */
  readonly committed: readonly SnapshotGroup[];
  readonly unfinished: readonly SnapshotGroup[];
  /** With the project's tag, but of no backup that this program knows. */
  readonly others: readonly Snapshot[];
}

/** `project` null: of every project. `host` absent: of every machine, for looking only. */
export async function readRepository(
  repository: Repository,
  project: string | null,
  signal: AbortSignal,
  host?: string,
): Promise<RepositoryCatalog> {
  const tags = project === null ? [] : [projectTag(project)];
  const snapshots = await repository.listSnapshots({ tags, ...(host === undefined ? {} : { host }) }, signal);
  return groupSnapshots(snapshots);
}

/** Snapshots without a project's tag are left out. */
export function groupSnapshots(snapshots: readonly Snapshot[]): RepositoryCatalog {
  const groups = new Map<string, Snapshot[]>();
  const others: Snapshot[] = [];
  for (const snapshot of snapshots) {
    const { content, project, backupId } = parseSnapshotTags(snapshot.tags);
    if (project === null) continue;
    if (backupId === null || content === null) others.push(snapshot);
    else groups.set(`${project} ${backupId}`, [...(groups.get(`${project} ${backupId}`) ?? []), snapshot]);
  }
  const described = [...groups.values()].map(describeGroup);
  const committed = described.filter(({ main }) => main !== null);
  return {
    committed: committed.toSorted((a, b) => timeOf(b) - timeOf(a)),
    unfinished: described.filter(({ main }) => main === null),
    others: others.toSorted((a, b) => b.time - a.time),
  };
}

/** When the commit was made. */
export function timeOf({ main, snapshots }: SnapshotGroup): number {
  return main?.snapshot.time ?? Math.max(...snapshots.map(({ time }) => time));
}

function describeGroup(snapshots: readonly Snapshot[]): SnapshotGroup {
  const known = snapshots.map((snapshot) => ({ snapshot, facts: parseSnapshotTags(snapshot.tags) }));
  const { project, backupId } = known[0]!.facts;
  const mains = known.flatMap(({ snapshot, facts }) => {
    const manifest = findManifestPath(snapshot.paths, project!);
    return manifest?.backupId === backupId ? [{ snapshot, manifest, facts }] : [];
  });
  // A tag change writes a snapshot anew before the old one goes: cut off in between, the one that tells more counts.
  const main = mains.toSorted((a, b) => b.snapshot.tags.length - a.snapshot.tags.length)[0];
  const facts = main?.facts ?? known[0]!.facts;
  return {
    backupId: backupId!,
    project: project!,
    snapshots,
    main: main === undefined ? null : { snapshot: main.snapshot, manifest: main.manifest },
    facts: { ...facts, pinned: known.some((one) => one.facts.pinned) },
  };
}

/** What the snapshots of a group hold together, null where the program did not record it. */
export function sizeOf({ snapshots }: Pick<SnapshotGroup, "snapshots">): number | null {
  const sizes = snapshots.map(({ sizeBytes }) => sizeBytes);
  return sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}
