// A repository in memory with faults that a test sets and takes away as it goes. It reads and writes the files of a
// test's world, not of the disk.

import { AppError } from "../../src/domain/error.ts";
import type { Repository, Snapshot, SnapshotFilter } from "../../src/ports/repository.ts";

export type RepositoryOperation =
  | "probe"
  | "backup"
  | "list"
  | "remove"
  | "prune"
  | "check"
  | "tags"
  | "read"
  | "ls"
  | "restore";

export interface RepositoryFault {
  readonly on: RepositoryOperation;
  readonly error: AppError;
  /** Thrown when it was done: an answer that was lost. */
  readonly after?: boolean;
  times?: number;
}

/** What lies on the machine: paths with their content. */
export interface FakeDisk {
  /** Every file at or below the path; throws for a path that leads to nothing. */
  read(path: string): Promise<ReadonlyMap<string, Uint8Array>>;
  write(path: string, bytes: Uint8Array): void;
}

interface Kept {
  snapshot: Snapshot;
  readonly files: Map<string, Uint8Array>;
}

export interface FakeRepository extends Repository {
  readonly kept: Kept[];
  readonly faults: RepositoryFault[];
  /** `backup combined`, `remove 2`, `prune` and so on, in order. */
  readonly calls: string[];
  readonly parents: (string | undefined)[];
  readonly disposals: { count: number };
  /** Warnings of the next backups and restores, and names that backups leave out. */
  readonly knobs: {
    warnings: readonly string[];
    restoreWarnings: readonly string[];
    leavesOut: (path: string) => boolean;
    host: string;
  };
}

export function openFakeRepository(location: string, disk: FakeDisk, now: () => number): FakeRepository {
  const kept: Kept[] = [];
  const faults: RepositoryFault[] = [];
  const calls: string[] = [];
  const parents: (string | undefined)[] = [];
  const disposals = { count: 0 };
  const knobs: FakeRepository["knobs"] = { warnings: [], restoreWarnings: [], leavesOut: () => false, host: "here" };
  let serial = 0;

  const strike = (on: RepositoryOperation, after = false): void => {
    const fault = faults.find(
      (candidate) => candidate.on === on && (candidate.after ?? false) === after && candidate.times !== 0,
    );
    if (fault === undefined) return;
    if (fault.times !== undefined) fault.times -= 1;
    throw fault.error;
  };
  const newId = (): string => new Bun.CryptoHasher("sha256").update(`${location} ${++serial}`).digest("hex");
  const find = (id: string): Kept => {
    const found = kept.find(({ snapshot }) => snapshot.id === id);
    if (found !== undefined) return found;
    throw new AppError("object_not_found", `there is no snapshot ${id}`);
  };
  const matches = (snapshot: Snapshot, { tags, host }: SnapshotFilter): boolean =>
    tags.every((tag) => snapshot.tags.includes(tag)) && (host === undefined || snapshot.host === host);

  return {
    type: "fake",
    location,
    get host() {
      return knobs.host;
    },
    kept,
    faults,
    calls,
    parents,
    disposals,
    knobs,
    async probe(signal) {
      signal.throwIfAborted();
      strike("probe");
      return { program: "fake 1.0", repositoryId: "fake" };
    },
    async init() {
      throw new AppError("object_exists", "it is there");
    },
    async backup({ paths, tags, parent, signal, onProgress }) {
      calls.push(`backup ${tags[0]}`);
      parents.push(parent);
      signal.throwIfAborted();
      strike("backup");
      const files = new Map<string, Uint8Array>();
      for (const path of paths)
        for (const [name, bytes] of await disk.read(path)) if (!knobs.leavesOut(name)) files.set(name, bytes);
      signal.throwIfAborted();
      onProgress?.({ bytesDone: 7, bytesTotal: null });
      const id = newId();
      const sizeBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
      const snapshot = { id, shortId: id.slice(0, 8), time: now(), host: knobs.host, paths, tags, sizeBytes };
      kept.push({ snapshot, files });
      strike("backup", true);
      return {
        snapshotId: id,
        filesNew: files.size,
        filesChanged: 0,
        bytesAdded: sizeBytes,
        bytesProcessed: sizeBytes,
        durationMs: 1,
        warnings: knobs.warnings,
      };
    },
    async listSnapshots(filter, signal) {
      calls.push(`list ${filter.tags.join(",")}`);
      signal.throwIfAborted();
      strike("list");
      return kept.map(({ snapshot }) => snapshot).filter((snapshot) => matches(snapshot, filter));
    },
    async removeSnapshots(ids, signal) {
      calls.push(`remove ${ids.length}`);
      signal.throwIfAborted();
      strike("remove");
      for (const id of ids) kept.splice(kept.indexOf(find(id)), 1);
      return ids;
    },
    async prune() {
      calls.push("prune");
      strike("prune");
      return { bytesFreed: null };
    },
    async check() {
      calls.push("check");
      strike("check");
    },
    async changeTags(id, { add, remove }) {
      calls.push(`tags +${add.join(",")} -${remove.join(",")}`);
      strike("tags");
      const found = find(id);
      const tags = [...found.snapshot.tags.filter((tag) => !remove.includes(tag)), ...add];
      const changed = newId();
      found.snapshot = { ...found.snapshot, id: changed, shortId: changed.slice(0, 8), tags };
      return changed;
    },
    async *readFile(id, path, signal) {
      calls.push(`read ${path}`);
      signal.throwIfAborted();
      strike("read");
      const within = [...find(id).files].filter(([name]) => name === path || name.startsWith(`${path}/`));
      if (within.length === 0) throw new AppError("object_not_found", `${path} is not in snapshot ${id}`);
      for (const [, bytes] of within) yield bytes;
    },
    async listDirectory(id, path) {
      calls.push(`ls ${path}`);
      strike("ls");
      return [...find(id).files]
        .filter(([name]) => name.startsWith(`${path}/`))
        .map(([name, bytes]) => ({ path: name, kind: "file" as const, sizeBytes: bytes.length }));
    },
    async restore(id, target, { paths, onProgress }, signal) {
      calls.push(`restore ${paths.join(",")}`);
      signal.throwIfAborted();
      strike("restore");
      let bytesRestored = 0;
      let filesRestored = 0;
      for (const [name, bytes] of find(id).files) {
        if (!paths.some((path) => name === path || name.startsWith(`${path}/`))) continue;
        disk.write(`${target}${name}`, bytes);
        filesRestored += 1;
        bytesRestored += bytes.length;
      }
      onProgress?.({ bytesDone: bytesRestored, bytesTotal: bytesRestored });
      return { filesRestored, bytesRestored, warnings: knobs.restoreWarnings };
    },
    async unlock() {},
    stats: async () => ({ snapshots: kept.length, rawBytes: null }),
    cache: async () => ({ path: "/nowhere", sizeBytes: 0 }),
    async clearCache() {},
    passThrough: async () => 0,
    callCount: () => 0,
    async [Symbol.asyncDispose]() {
      disposals.count += 1;
    },
  };
}
