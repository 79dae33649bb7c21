// A storage for archive backups: named immutable objects.
//
// Promises of every adapter (object-store.contract.ts proves them, also against the user's own storage):
// - An object exists under its key whole or not at all. `openWriter` makes nothing visible before `close` resolved;
//   `close` resolves only when the bytes are durable and the size was checked. After `abort`, or a dispose
//   without `close`, nothing is listed and no part of it is left (multipart uploads are aborted).
// - `create` makes a small object in one step and never replaces one: `object_exists`. Where the store cannot refuse
//   atomically (`capabilities.conditionalCreate` false) it looks first.
// - `replace` puts a small object under a key that may be taken: whoever reads sees the old object or the new one, whole,
//   and a failure, or being killed, leaves one of the two to be found, read and listed. Where the store cannot do it in one
//   step (`capabilities.atomicReplace` false) a listing may miss both for a moment, and the new one is durable before the
//   old one goes.
// - `list` is complete or throws; it is never empty by error. Temporary names are never listed.
// - `delete` of an absent object succeeds. `read` of an absent object throws `object_not_found`.
// - A reader ends only when the whole object (from `offset`) was delivered, else it throws `storage_failed`.
// - Keys are relative to the storage's own prefix: `/`-separated, no empty segment, no `.` or `..`, up to 900 bytes of UTF-8.
//   No segment begins with a dot (such names are temporary files and other programs' folders), no control characters.
//   Any other key is refused with `usage`.
// - Aborting the signal ends every wait and throws the signal's reason.
// - Credentials refused: `storage_auth_failed` (not retryable); no connection: `storage_unreachable`; no room: `disk_full`.

import type { LogLevel } from "../domain/run/run.ts";
import type { ByteStream } from "./byte-stream.ts";

export interface ObjectStoreContext {
  log(level: LogLevel, message: string): void;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAt: number; // epoch ms
}

export interface WriteOptions {
  /** Best guess of the final size, for choosing part sizes. */
  readonly expectedBytes?: number;
  /** Labels for stores that have them (S3 tags); others ignore them. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface ObjectWriter extends AsyncDisposable {
  /** Resolves when more may be written (back-pressure). The chunk is not kept: its memory may be gone or changed then. */
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<ObjectInfo>;
  /** Idempotent; never throws; waits until nothing is left behind or logs what is. */
  abort(): Promise<void>;
}

export interface ObjectStoreCapabilities {
  /** `create` is refused by the store itself when the key exists. */
  readonly conditionalCreate: boolean;
  /** `replace` is one step of the store itself. */
  readonly atomicReplace: boolean;
  readonly tags: boolean;
  /** Free space can be asked. */
  readonly freeSpace: boolean;
}

/** Leftovers of a crash: temporary files, unfinished multipart uploads. */
export interface Debris {
  readonly id: string;
  readonly key: string;
  readonly sizeBytes: number | null;
  readonly startedAt: number; // epoch ms
}

/** What a restore or a check needs of the place that holds a backup. */
export type ObjectReader = Pick<ObjectStore, "location" | "read">;

export interface ObjectStore extends AsyncDisposable {
  readonly type: string;
  /** Where it is, for people, without secrets: `/data/backups`, `s3://bucket/prefix`, `sftp://user@host:23/path`. */
  readonly location: string;
  readonly capabilities: ObjectStoreCapabilities;
  /** Writes, reads and deletes one small object with a name of its own. */
  probe(signal: AbortSignal): Promise<void>;
  freeBytes(signal: AbortSignal): Promise<number | null>;
  openWriter(key: string, options: WriteOptions): Promise<ObjectWriter>;
  /** For manifests: at most 16 MiB. */
  create(key: string, bytes: Uint8Array, options: WriteOptions): Promise<ObjectInfo>;
  /** For pins and results, which are notes about a backup and may change: at most 16 MiB. */
  replace(key: string, bytes: Uint8Array, options: WriteOptions): Promise<ObjectInfo>;
  read(key: string, options: { readonly offset?: number; readonly signal: AbortSignal }): ByteStream;
  find(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>;
  /** All objects whose key begins with `prefix`, in no particular order. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo>;
  delete(key: string, signal: AbortSignal): Promise<void>;
  listDebris(signal: AbortSignal): Promise<readonly Debris[]>;
  deleteDebris(debris: Debris, signal: AbortSignal): Promise<void>;
}
