// Everything a use case may ask the composition root for. Each use case takes a narrow Pick of this.

import type {
  BandwidthLimits,
  ChannelSpec,
  EncryptionSpec,
  Project,
  Settings,
  SourceSpec,
} from "../domain/project/project.ts";
import type { Run, RunEvent, RunOwner } from "../domain/run/run.ts";
import type { Manifest, ManifestPart } from "../domain/backup/manifest.ts";
import type { Payload } from "../domain/backup/sniff-payload.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { Clock } from "../ports/clock.ts";
import type { Codec } from "../ports/codec.ts";
import type { FallbackJournal } from "../ports/fallback-journal.ts";
import type { HookRunner } from "../ports/hook.ts";
import type { Lock } from "../ports/lock.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Repository } from "../ports/repository.ts";
import type { Source, SourceContext } from "../ports/source.ts";
import type { StateStore } from "../ports/state-store.ts";
import type { RunAnnouncement } from "./run-announcement.ts";

/** A file that was recognised by its bytes. */
export interface OpenedFile {
  /** From the outside in: `aes-256-gcm`, `zstd`. */
  readonly layers: readonly string[];
  readonly payload: Payload;
  /** The plain content, complete when it ends without throwing. */
  readonly stream: ByteStream;
}

export interface OpenedBundle {
  readonly manifestText: string;
  members(): AsyncIterable<{ readonly path: string; readonly stream: ByteStream }>;
  close(): Promise<void>;
}

export type LogSink = SourceContext["log"];

/** Names of the places where a test build may end the process, to prove that a crash there loses nothing. */
export type CrashPoint =
  | "run.started"
  | "run.pre_hook_done"
  | "dump.part_open"
  | "dump.part_half"
  | "dump.part_durable"
  | "dump.parts_durable"
  | "commit.before_manifest"
  | "commit.manifest_written"
  | "commit.first_storage_done"
  | "sync.staged"
  | "sync.snapshot_made"
  | "sync.repository_done"
  | "run.committed"
  | "prune.manifest_deleted"
  | "prune.part_deleted"
  | "prune.snapshots_removed"
  | "restore.loaded"
  | "restore.committed"
  | "notify.kept"
  | "notify.sent"
  | "replay.entry_stored";

export interface Deps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly owner: RunOwner;
  readonly program: { readonly version: string; readonly host: string; readonly platform: string };
  readonly lock: Lock;
  /** `unseen`: on another host, or where pids cannot be compared; nobody can tell from here. */
  judgeOwner(owner: RunOwner): "alive" | "dead" | "unseen";
  readonly hooks: HookRunner;
  readonly state: StateStore;
  /** Takes what the state store cannot take now. */
  readonly journal: FallbackJournal;
  readonly codecs: Readonly<Record<Codec["algorithm"], Codec>>;
  /** Cryptographically random bytes. */
  random(length: number): Uint8Array;
  emit(event: RunEvent): void;
  /** Takes the secrets of the configuration out of a text. */
  redact(text: string): string;
  /** Waits, within a bound, until what was emitted is stored. */
  recorded(): Promise<void>;
  openSource(spec: SourceSpec, log: LogSink): Promise<Source>;
  /** The settings of a source of the same server that names another database, file or directory. */
  settingsAt(spec: SourceSpec, database: string): unknown;
  /** A source outside the configuration, from `postgres://user@host/name` or `sqlite:///file`. Throws `usage`. */
  sourceAt(url: string): { readonly spec: SourceSpec; readonly database: string };
  /** A file of unknown origin, freed of encryption and compression layer by layer. */
  openFile(file: string, project: Project | null, signal: AbortSignal): Promise<OpenedFile>;
  /** A bundle file (document 3); `members` goes through it once. */
  openBundle(file: string, project: Project | null, signal: AbortSignal): Promise<OpenedBundle>;
  writeBundle(manifest: Manifest, openPart: (part: ManifestPart) => ByteStream): ByteStream;
  /** Where a part lies in a bundle. */
  bundlePath(part: ManifestPart): string;
  /** A storage of the configuration by its name; unknown names throw `config_invalid`. */
  openStorage(name: string, log: LogSink, limits?: BandwidthLimits): Promise<ObjectStore>;
  /** True for a storage that is a repository, to be opened by `openRepository`. */
  isRepository(name: string): boolean;
  openRepository(name: string, log: LogSink, limits?: BandwidthLimits): Promise<Repository>;
  /** A local directory as a storage; a missing one is made, unless `create` is false. */
  openDirectory(path: string, log: LogSink, options?: { readonly create?: boolean }): Promise<ObjectStore>;
  openCipher(encryption: EncryptionSpec): Promise<Cipher>;
  /** Undefined when nobody listens to runs of this project and kind. */
  announce(request: Pick<Run, "project" | "kind" | "trigger">): RunAnnouncement | undefined;
  openNotifier(channel: ChannelSpec): Promise<Notifier>;
  /** Unknown names throw `usage` with the names there are. */
  findProject(name: string): Project;
  /** Called every few megabytes; gives memory back when the process has grown. */
  relieveMemory(): void;
  /** For the last reader of a chunk: what it takes up is free at once, where its producer gave it away. */
  freeChunk(chunk: Uint8Array): void;
  /** Does nothing but in test builds. */
  reach(point: CrashPoint): void;
}
