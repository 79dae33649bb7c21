// A deduplicating repository (restic): snapshots of paths, made and read by an outside program.
//
// Promises of every adapter (repository.contract.ts proves them):
// - `backup` resolves only when the snapshot is in the repository. What could not be read is in `warnings`, never silent.
//   Nothing to save (`snapshotId` null) is a success too.
// - Every listing and removal is filtered by what the caller names: tags and host. A snapshot of another project or another
//   program is never touched, whatever the repository is shared with.
// - `listSnapshots` is complete or throws; it is never empty by error.
// - `readFile` ends only when the whole file was delivered, else it throws.
// - The lock of a process of this machine that is provably dead is removed once and the call repeated; anybody else's
//   lock is waited for as long as the settings say, then `lock_held` names its owner.
// - Aborting the signal asks the program to end, waits for it to release its lock, and throws the signal's reason.
// - The password is neither in argv nor in an environment that another user can read, nor in any message.
// - No such repository: `repository_not_found`. Wrong password: `storage_auth_failed` (not retryable). No connection: `storage_unreachable`.

import type { BandwidthLimits } from "../domain/project/project.ts";
import type { LogLevel } from "../domain/run/run.ts";
import type { ByteStream } from "./byte-stream.ts";

export interface RepositoryContext {
  /** Exists, 0700. */
  readonly tmpDir: string;
  /** Recorded with every snapshot and used in every filter; fixed, so that a container's random name does not matter. */
  readonly host: string;
  /** Where the program is, when the user says so. */
  readonly program?: string | undefined;
  readonly limits?: BandwidthLimits | undefined;
  log(level: LogLevel, message: string): void;
}

export interface Snapshot {
  /** All 64 hex digits. */
  readonly id: string;
  readonly shortId: string;
  readonly time: number; // epoch ms
  readonly host: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  /** Bytes of all files in it, null where the program did not record it. */
  readonly sizeBytes: number | null;
}

export interface SnapshotFilter {
  /** All of them. */
  readonly tags: readonly string[];
  /** Absent: every host's (for looking only). */
  readonly host?: string;
}

export interface SnapshotRequest {
  /** Absolute; each must exist. */
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** No commas. */
  readonly tags: readonly string[];
  /** The snapshot (full id) whose unchanged files need not be read again; without it the program chooses. */
  readonly parent?: string;
  readonly signal: AbortSignal;
  onProgress?(progress: { readonly bytesDone: number; readonly bytesTotal: number | null }): void;
}

export interface SnapshotResult {
  readonly snapshotId: string | null;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly bytesAdded: number;
  readonly bytesProcessed: number;
  readonly durationMs: number;
  readonly warnings: readonly string[];
}

export interface RepositoryInfo {
  readonly program: string; // `restic 0.18.0`
  /** Null: there is no repository yet. */
  readonly repositoryId: string | null;
}

export interface RepositorySsh {
  /** `user@host`. */
  readonly login: string;
  /**
   * A connection and a login of their own. Throws `storage_unreachable`, or `storage_auth_failed`, whose details name the
   * key of a host that is not known (`unknownHostOf`). Trusts nobody by itself.
   */
  connect(signal: AbortSignal): Promise<void>;
}

export interface Repository extends AsyncDisposable {
  readonly type: string;
  /** Where it is, for people, without secrets. */
  readonly location: string;
  readonly host: string;
  /** When it is reached over SSH. */
  readonly ssh?: RepositorySsh;
  /** How often the outside program has opened the repository so far: each time costs most of a second. */
  callCount(): number;
  /** The cheapest real question: can it be reached and opened? */
  probe(signal: AbortSignal): Promise<RepositoryInfo>;
  /** Throws `object_exists` when there is one already. */
  init(signal: AbortSignal): Promise<RepositoryInfo>;
  backup(request: SnapshotRequest): Promise<SnapshotResult>;
  listSnapshots(filter: SnapshotFilter, signal: AbortSignal): Promise<readonly Snapshot[]>;
  /** Removes exactly these (full ids); resolves with those that are gone. Data is freed by `prune`. */
  removeSnapshots(ids: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** Frees what no snapshot needs. */
  prune(signal: AbortSignal): Promise<{ readonly bytesFreed: number | null }>;
  /** The program's own check; throws `verify_failed` with what it found. */
  check(options: { readonly readDataPercent: number }, signal: AbortSignal): Promise<void>;
  /** Adds and removes tags; the snapshot gets a new id, which is in the result. */
  changeTags(
    id: string,
    changes: { readonly add: readonly string[]; readonly remove: readonly string[] },
    signal: AbortSignal,
  ): Promise<string>;
  /** The content of one file by its absolute path in the snapshot; of a directory, all below it as a tar. */
  readFile(id: string, path: string, signal: AbortSignal): ByteStream;
  /** The direct entries of a directory. */
  listDirectory(
    id: string,
    path: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly path: string; readonly kind: "file" | "dir" | "other"; readonly sizeBytes: number }[]>;
  /** Puts `paths` (all when empty) below `target` under their original paths; verified by the program. */
  restore(
    id: string,
    target: string,
    options: {
      readonly paths: readonly string[];
      onProgress?(progress: { readonly bytesDone: number; readonly bytesTotal: number | null }): void;
    },
    signal: AbortSignal,
  ): Promise<{ readonly filesRestored: number; readonly bytesRestored: number; readonly warnings: readonly string[] }>;
  /** Removes locks whose owner is dead, never a live one's. */
  unlock(signal: AbortSignal): Promise<void>;
  stats(signal: AbortSignal): Promise<{ readonly snapshots: number; readonly rawBytes: number | null }>;
  cache(): Promise<{ readonly path: string; readonly sizeBytes: number }>;
  clearCache(signal: AbortSignal): Promise<void>;
  /** Any command of the program on the caller's own terminal; resolves with its exit code. */
  passThrough(args: readonly string[], signal: AbortSignal): Promise<number>;
}
