// Objects in memory: for tests of everything above the port. It can be made full and made to fail on purpose.
// It is no storage that a configuration can name, hence no definition.

import { AppError } from "../../../domain/error.ts";
import type { Debris, ObjectInfo, ObjectStore, ObjectWriter, WriteOptions } from "../../../ports/object-store.ts";
import { requireListPrefix, requireObjectKey } from "../object-key.ts";

export type MemoryOperation =
  | "probe"
  | "open"
  | "write"
  | "close"
  | "create"
  | "replace"
  | "read"
  | "find"
  | "list"
  | "delete";

export interface MemoryStoreOptions {
  readonly location?: string;
  /** Objects and unfinished writes together; beyond it: `disk_full`. */
  readonly capacityBytes?: number;
  /** Called before each operation; what it throws is the operation's failure. `bytes` counts those of this object so far. */
  fault?(operation: MemoryOperation, key: string, bytes: number): void | Promise<void>;
}

export interface MemoryStore extends ObjectStore {
  /** What is kept, for a test to look at, cut, flip or take away. */
  readonly objects: Map<string, { bytes: Uint8Array; modifiedAt: number }>;
}

const readChunkBytes = 64 * 1024;

export function openMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const objects: MemoryStore["objects"] = new Map();
  const unfinished = new Map<string, Debris & { sizeBytes: number }>();
  const capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  const location = options.location ?? "memory:";
  let serial = 0;

  const usedBytes = (): number => {
    let total = 0;
    for (const { bytes } of objects.values()) total += bytes.length;
    for (const { sizeBytes } of unfinished.values()) total += sizeBytes;
    return total;
  };
  const requireRoom = (key: string, moreBytes: number): void => {
    if (usedBytes() + moreBytes <= capacityBytes) return;
    throw new AppError("disk_full", `${location} has no room for ${key}`, { hint: "free some space and run again" });
  };
  const put = (key: string, bytes: Uint8Array): ObjectInfo => {
    const modifiedAt = Date.now();
    objects.set(key, { bytes, modifiedAt });
    return { key, sizeBytes: bytes.length, modifiedAt };
  };
  const begin = async (operation: MemoryOperation, key: string, signal: AbortSignal, bytes = 0): Promise<void> => {
    signal.throwIfAborted();
    await options.fault?.(operation, key, bytes);
    signal.throwIfAborted();
  };

  async function openWriter(key: string, { signal }: WriteOptions): Promise<ObjectWriter> {
    requireObjectKey(key);
    await begin("open", key, signal);
    const id = `${++serial}`;
    const chunks: Uint8Array[] = [];
    const record = { id, key, sizeBytes: 0, startedAt: Date.now() };
    unfinished.set(id, record);
    const requireOpen = (): void => {
      if (!unfinished.has(id)) throw new AppError("storage_failed", `the writer of ${key} is no longer open`);
    };
    const abort = async (): Promise<void> => {
      unfinished.delete(id);
      chunks.length = 0;
    };
    return {
      async write(chunk) {
        await begin("write", key, signal, record.sizeBytes + chunk.length);
        requireOpen();
        requireRoom(key, chunk.length);
        chunks.push(new Uint8Array(chunk));
        record.sizeBytes += chunk.length;
      },
      async close() {
        await begin("close", key, signal, record.sizeBytes);
        requireOpen();
        unfinished.delete(id);
        return put(key, Buffer.concat(chunks));
      },
      abort,
      [Symbol.asyncDispose]: abort,
    };
  }

  return {
    type: "memory",
    location,
    capabilities: {
      conditionalCreate: true,
      atomicReplace: true,
      tags: false,
      freeSpace: options.capacityBytes !== undefined,
    },
    objects,
    probe: (signal) => begin("probe", "", signal),
    async freeBytes() {
      return options.capacityBytes === undefined ? null : Math.max(0, capacityBytes - usedBytes());
    },
    openWriter,
    async create(key, bytes, { signal }) {
      requireObjectKey(key);
      await begin("create", key, signal, bytes.length);
      if (objects.has(key)) throw new AppError("object_exists", `${key} exists in ${location} already`);
      requireRoom(key, bytes.length);
      return put(key, new Uint8Array(bytes));
    },
    async replace(key, bytes, { signal }) {
      requireObjectKey(key);
      await begin("replace", key, signal, bytes.length);
      // Both have room, as on a disk: the old one goes only when the new one is whole.
      requireRoom(key, bytes.length);
      return put(key, new Uint8Array(bytes));
    },
    async *read(key, { offset = 0, signal }) {
      requireObjectKey(key);
      await begin("read", key, signal);
      const object = objects.get(key);
      if (object === undefined) throw new AppError("object_not_found", `${key} is not in ${location}`);
      const { bytes } = object;
      if (offset > bytes.length) throw new AppError("storage_failed", `${key} has no byte ${offset}`);
      for (let at = offset; at < bytes.length; at += readChunkBytes) {
        await begin("read", key, signal, at);
        yield new Uint8Array(bytes.subarray(at, at + readChunkBytes));
      }
      signal.throwIfAborted();
    },
    async find(key, signal) {
      requireObjectKey(key);
      await begin("find", key, signal);
      const object = objects.get(key);
      return object && { key, sizeBytes: object.bytes.length, modifiedAt: object.modifiedAt };
    },
    async *list(prefix, signal) {
      requireListPrefix(prefix);
      await begin("list", prefix, signal);
      for (const [key, { bytes, modifiedAt }] of objects) {
        if (key.startsWith(prefix)) yield { key, sizeBytes: bytes.length, modifiedAt };
      }
    },
    async delete(key, signal) {
      requireObjectKey(key);
      await begin("delete", key, signal);
      objects.delete(key);
    },
    async listDebris(signal) {
      signal.throwIfAborted();
      return [...unfinished.values()];
    },
    async deleteDebris(debris, signal) {
      signal.throwIfAborted();
      unfinished.delete(debris.id);
    },
    async [Symbol.asyncDispose]() {},
  };
}
