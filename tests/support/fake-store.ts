// The storage in memory with faults that a test sets and takes away as it goes.

import {
  openMemoryStore,
  type MemoryOperation,
  type MemoryStore,
} from "../../src/adapters/object-store/memory/index.ts";
import type { AppError } from "../../src/domain/error.ts";
import type { Debris } from "../../src/ports/object-store.ts";
import { untilAborted } from "./fake-source.ts";

export interface StoreFault {
  readonly on: MemoryOperation;
  /** Only keys that end so. */
  readonly key?: string;
  /** Thrown instead of doing it, or with `after` when it was done: an answer that was lost. Absent: it hangs. */
  readonly error?: AppError;
  readonly after?: boolean;
  /** Only from so many bytes of the object on. */
  readonly fromBytes?: number;
  /** Deaf: does not even end when it is aborted. */
  readonly deaf?: boolean;
  /** So many times, then never again. */
  times?: number;
}

export interface FakeStore extends MemoryStore {
  readonly faults: StoreFault[];
  /** `create shop/…manifest.json` and so on, in order. */
  readonly calls: string[];
  /** Listed beside what unfinished writers leave. */
  readonly debris: Debris[];
  readonly disposals: { count: number };
  keys(ending?: string): readonly string[];
  /** Changes one byte of the first object that ends so. */
  flip(ending: string, at?: number): void;
}

export function openFakeStore(location: string): FakeStore {
  const faults: StoreFault[] = [];
  const calls: string[] = [];
  const debris: Debris[] = [];
  const disposals = { count: 0 };

  function find(operation: MemoryOperation, key: string, bytes: number, after: boolean): StoreFault | undefined {
    const fault = faults.find(
      (candidate) =>
        candidate.on === operation &&
        key.endsWith(candidate.key ?? "") &&
        bytes >= (candidate.fromBytes ?? 0) &&
        (candidate.after ?? false) === after &&
        candidate.times !== 0,
    );
    if (fault?.times !== undefined) fault.times -= 1;
    return fault;
  }
  async function strike(operation: MemoryOperation, key: string, bytes: number, after: boolean, signal?: AbortSignal) {
    const fault = find(operation, key, bytes, after);
    if (fault === undefined) return;
    if (fault.error !== undefined) throw fault.error;
    await (fault.deaf === true || signal === undefined ? new Promise<never>(() => {}) : untilAborted(signal));
  }

  const memory = openMemoryStore({ location });
  return {
    ...memory,
    faults,
    calls,
    debris,
    disposals,
    keys: (ending = "") => [...memory.objects.keys()].filter((key) => key.endsWith(ending)).toSorted(),
    flip(ending, at = 0) {
      const [key] = [...memory.objects.keys()].filter((candidate) => candidate.endsWith(ending));
      const bytes = Uint8Array.from(memory.objects.get(key!)!.bytes);
      const index = at < 0 ? bytes.length + at : at;
      bytes[index] = bytes[index]! ^ 1;
      memory.objects.set(key!, { bytes, modifiedAt: 0 });
    },
    async probe(signal) {
      await strike("probe", "", 0, false, signal);
      await memory.probe(signal);
    },
    async openWriter(key, options) {
      calls.push(`open ${key}`);
      await strike("open", key, 0, false, options.signal);
      const writer = await memory.openWriter(key, options);
      let bytes = 0;
      return {
        ...writer,
        async write(chunk) {
          bytes += chunk.length;
          await strike("write", key, bytes, false, options.signal);
          await writer.write(chunk);
        },
        async close() {
          await strike("close", key, bytes, false, options.signal);
          const info = await writer.close();
          await strike("close", key, bytes, true, options.signal);
          return info;
        },
        async abort() {
          calls.push(`abort ${key}`);
          await writer.abort();
        },
      };
    },
    async create(key, bytes, options) {
      calls.push(`create ${key}`);
      await strike("create", key, bytes.length, false, options.signal);
      const info = await memory.create(key, bytes, options);
      await strike("create", key, bytes.length, true, options.signal);
      return info;
    },
    async replace(key, bytes, options) {
      calls.push(`replace ${key}`);
      await strike("replace", key, bytes.length, false, options.signal);
      const info = await memory.replace(key, bytes, options);
      await strike("replace", key, bytes.length, true, options.signal);
      return info;
    },
    async *read(key, options) {
      calls.push(`read ${key}`);
      let bytes = options.offset ?? 0;
      await strike("read", key, bytes, false, options.signal);
      for await (const chunk of memory.read(key, options)) {
        bytes += chunk.length;
        await strike("read", key, bytes, false, options.signal);
        yield chunk;
      }
    },
    async find(key, signal) {
      await strike("find", key, 0, false, signal);
      return memory.find(key, signal);
    },
    async *list(prefix, signal) {
      await strike("list", prefix, 0, false, signal);
      yield* memory.list(prefix, signal);
    },
    async delete(key, signal) {
      calls.push(`delete ${key}`);
      await strike("delete", key, 0, false, signal);
      await memory.delete(key, signal);
    },
    async listDebris(signal) {
      return [...debris, ...(await memory.listDebris(signal))];
    },
    async deleteDebris(found, signal) {
      const at = debris.indexOf(found);
      if (at >= 0) debris.splice(at, 1);
      else await memory.deleteDebris(found, signal);
    },
    async [Symbol.asyncDispose]() {
      disposals.count += 1;
    },
  };
}
