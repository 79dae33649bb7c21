// A source: a database or a set of paths that can be dumped, checked and restored.
//
// Promises of every adapter (source.contract.ts proves them):
// - `probe` asks a real question of the server; bad credentials are `source_auth_failed` (not retryable), no
//   connection is `source_unreachable` (retryable), a missing or too old client is `tool_missing` and names both versions.
// - `dump` takes one consistent view. Its parts are produced one after the other: the next part is asked for only
//   after the stream of the one before has ended. A part's stream ends only when the engine's tool succeeded and the
//   dump is complete by the engine's own mark; else it throws (`source_failed`).
// - Nothing secret is in argv or in an environment that another user can read. Temporary files are 0600 under
//   `context.tmpDir` and gone after dispose, in every case. Child processes die with the dump or with us.
// - Aborting the signal ends every wait within seconds and throws the signal's reason.

import type { Payload } from "../domain/backup/sniff-payload.ts";
import type { RestoredCount } from "../domain/backup/compare-row-counts.ts";
import type { ConsistencyPoint, RowCounts, SourceFacts } from "../domain/backup/manifest.ts";
import type { ToolDirs } from "../domain/project/project.ts";
import type { LogLevel } from "../domain/run/run.ts";
import type { ByteStream, StreamDigest } from "./byte-stream.ts";

/** What an adapter may use of the world around it. */
export interface SourceContext {
  /** Exists, 0700; free space is checked by the adapter before a large temporary file is written there. */
  readonly tmpDir: string;
  readonly tools: ToolDirs;
  log(level: LogLevel, message: string): void;
}

export interface SourceInfo {
  /** `PostgreSQL 15.18`, `SQLite 3.50`, `2 paths`. */
  readonly server: string;
  readonly serverVersion: string | null;
  readonly tool: string | null;
  readonly toolVersion: string | null;
  /** Estimate of the bytes that a dump will yield, null when the engine cannot tell. */
  readonly sizeBytes: number | null;
  /** Things worth saying that do not stop a backup (a missing asset path, a client below the security floor). */
  readonly warnings: readonly string[];
}

export interface DumpRequest {
  /** `off`: no counting. `lock`: under a short read lock where the engine cannot share a snapshot. */
  readonly rowCounts: "exact" | "lock" | "off";
  readonly signal: AbortSignal;
  /** Told that work goes on while the stream itself has nothing to show (a parallel dump that still writes its files). */
  onActivity?(): void;
}

export interface DumpPart {
  /** Added to the source's name where a source has several: ``, `globals`. */
  readonly suffix: string;
  /** Format and file extension in one: `dump`, `dir.tar`, `sql`, `globals.sql`, `sqlite`, `files.tar`. */
  readonly format: string;
  readonly stream: ByteStream;
  /** Its length and hash, after its end, where it is hashed as it is read; else that is left to the reader. */
  readonly digest?: () => StreamDigest;
}

/** Facts known once all parts have ended. */
export interface DumpSummary {
  readonly consistencyPoint: ConsistencyPoint | null;
  readonly rowCounts: RowCounts | null;
  readonly warnings: readonly string[];
  readonly facts: SourceFacts;
}

export interface Dump extends AsyncDisposable {
  readonly serverVersion: string | null;
  readonly toolVersion: string | null;
  parts(): AsyncIterable<DumpPart>;
  /** Only after every part has ended without an error. */
  summary(): Promise<DumpSummary>;
}

export type RestoreMode = "create" | "clean" | "drop" | "append";

export interface TargetRequest {
  /** Name of the database, file or directory to restore into. */
  readonly database: string;
  readonly mode: RestoreMode;
  readonly stopConnections: boolean;
  readonly signal: AbortSignal;
}

export interface TargetState {
  readonly exists: boolean;
  /** True when a restore in mode `create` may use it. */
  readonly empty: boolean;
  /** What is there, for the question that asks for a typed name: `14 tables, 3.2 MB`. */
  readonly description: string;
}

export interface RestoreOptions {
  readonly schemaOnly: boolean;
  readonly dataOnly: boolean;
  /** Only these tables; empty means all. `schema.table` or `table`. */
  readonly tables: readonly string[];
  readonly jobs: number;
  readonly noOwner: boolean;
  readonly noPrivileges: boolean;
}

/** Everything that a part holds, as it was. */
export const fullRestore: RestoreOptions = {
  schemaOnly: false,
  dataOnly: false,
  tables: [],
  jobs: 1,
  noOwner: false,
  noPrivileges: false,
};

export interface RestoreReport {
  readonly warnings: readonly string[];
}

/** A part to be restored, by what the manifest or the sniffing says of it. */
export interface RestorePart {
  readonly format: string;
  readonly stream: ByteStream;
  /** Facts of the manifest's source, empty for a file without a manifest. */
  readonly facts: SourceFacts;
}

/**
 * An open target of a restore. Opening changes nothing yet, but throws when the target cannot be restored into (others are
 * connected to it, foreign keys point into it). With modes `create` and `drop` the data goes into a new place beside the target
 * where the engine can; `commit` swaps it in. Disposing without `commit` removes what was written and leaves the
 * original as it was (modes `clean` and `append` change the target in place and say so in `swaps`).
 */
export interface RestoreTarget extends AsyncDisposable {
  readonly swaps: boolean;
  restore(part: RestorePart, options: RestoreOptions, signal: AbortSignal): Promise<RestoreReport>;
  /** Exact counts of every table in the restored place; empty where the engine has no tables. */
  countRows(signal: AbortSignal): Promise<readonly RestoredCount[]>;
  /**
   * Only targets of plain files have it: another program brings them. `fill` is called once for each path with a
   * directory of its own, below which the path must lie under its full name when it resolves.
   */
  receive?(
    paths: readonly string[],
    fill: (path: string, directory: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<RestoreReport>;
  commit(): Promise<void>;
}

export interface DrillRequest {
  /** `project`: a scratch database on this source's own server; `throwaway`: a server started for the drill from local binaries. */
  readonly on: "project" | "throwaway";
  readonly signal: AbortSignal;
}

/** Files that another program can save as they lie there, without a dump. */
export interface FileSelection {
  /** Absolute, there, and no links themselves. */
  readonly paths: readonly string[];
  /** Absolute patterns: `*`, `?` and `[^a]` within one name, `**` for any number of names. */
  readonly exclude: readonly string[];
  /** A path that is missing, or is saved under another name. */
  readonly warnings: readonly string[];
}

export interface Source {
  readonly type: string;
  /** What this source protects, for people: the database's name, the file, the first path. */
  readonly object: string;
  probe(signal: AbortSignal): Promise<SourceInfo>;
  dump(request: DumpRequest): Promise<Dump>;
  /** Only sources of plain files have it. Throws `source_failed` when nothing can be read. */
  selectFiles?(signal: AbortSignal): Promise<FileSelection>;
  /**
   * Reads a plain part to its end and has the engine check its structure; throws `backup_corrupt`.
   * `pg_restore -f /dev/null`, the dump's trailer, `integrity_check`, every tar header.
   */
  verifyStructure(part: RestorePart, signal: AbortSignal): Promise<void>;
  /** Looks at a target without changing anything. */
  inspectTarget(database: string, signal: AbortSignal): Promise<TargetState>;
  openTarget(request: TargetRequest): Promise<RestoreTarget>;
  /** A scratch place that is always removed on dispose (its `commit` does nothing). */
  openDrill(request: DrillRequest): Promise<RestoreTarget>;
  /** The format of the part that a file of such content can be restored as; null when it is not of this engine. */
  formatOf(payload: Payload): string | null;
  /** Step-by-step import commands for a restored plain file, for `--guide`. */
  restoreGuide(file: string, format: string): readonly string[];
  /** Formats that have a plainer form write it beside the file and return its path (`pg_restore -f`); else null. */
  writePlainForm(file: string, format: string, signal: AbortSignal): Promise<string | null>;
}
