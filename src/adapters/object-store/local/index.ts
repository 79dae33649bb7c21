// Objects as files below one directory.

import { dirname, join, relative, resolve, sep } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ObjectStore, ObjectStoreContext } from "../../../ports/object-store.ts";
import { probeKey, requireListPrefix, requireObjectKey } from "../object-key.ts";
import { writeWhole } from "../write-whole.ts";
import type { LocalStoreConfig } from "./config.ts";
import { removeEmptyDirectories, syncDirectory } from "./directories.ts";
import { translateDiskError } from "./errors.ts";
import { isMissing, realFileSystem, type FileSystem } from "./file-system.ts";
import { readFile } from "./reader.ts";
import { parseTemporaryName, requireDebrisId } from "../temporary-name.ts";
import type { WritePurpose } from "../write-purpose.ts";
import { walkFiles } from "./walk.ts";
import { openLocalWriter } from "./writer.ts";

export function open(config: LocalStoreConfig, context: ObjectStoreContext): ObjectStore {
  return openLocalStore(config, context, realFileSystem);
}

export function openLocalStore(config: LocalStoreConfig, context: ObjectStoreContext, fs: FileSystem): ObjectStore {
  const root = resolve(config.path);
  let hardLinks = true;
  const pathOf = (key: string): string => join(root, ...key.split("/"));

  /** A missing root is an unmounted disk until proven otherwise: never an empty storage. */
  async function requireRoot(): Promise<void> {
    try {
      await fs.stat(root);
    } catch (error) {
      if (!isMissing(error)) throw translateDiskError(error, "looking", root);
      throw new AppError("storage_unreachable", `the directory ${root} does not exist`, {
        hint: "mount the disk that holds it, or run a backup or `backupctl test` to create it",
        cause: error,
      });
    }
  }

  /** Undefined when nothing is there, provided that the root is. */
  async function orAbsent<T>(attempt: () => Promise<T>, what: string): Promise<T | undefined> {
    try {
      return await attempt();
    } catch (error) {
      if (!isMissing(error)) throw translateDiskError(error, what, root);
      await requireRoot();
      return undefined;
    }
  }

  const writerFor = (key: string, signal: AbortSignal, purpose: WritePurpose): ReturnType<typeof openLocalWriter> => {
    requireObjectKey(key);
    const onNoHardLinks = (): void => void (hardLinks = false);
    return openLocalWriter({ fs, root, key, purpose, signal, context, onNoHardLinks });
  };

  const store: ObjectStore = {
    type: "local",
    location: root,
    get capabilities() {
      return { conditionalCreate: hardLinks, atomicReplace: true, tags: false, freeSpace: true };
    },

    async probe(signal) {
      const key = probeKey();
      const bytes = Buffer.from(key);
      await store.create(key, bytes, { signal });
      try {
        const stored = Buffer.concat(await Array.fromAsync(store.read(key, { signal })));
        if (Buffer.compare(stored, bytes) !== 0) {
          throw new AppError("storage_failed", `${root} gave back other bytes than were written`);
        }
      } catch (error) {
        await store.delete(key, AbortSignal.timeout(10_000)).catch(() => {}); // The first failure is the one to tell.
        throw error;
      }
      await store.delete(key, signal);
    },

    async freeBytes(signal) {
      // Before the first backup the directory is not there yet: its nearest parent is on the disk it will be on.
      for (let at = root; ; at = dirname(at)) {
        signal.throwIfAborted();
        try {
          const { bavail, bsize } = await fs.statfs(at);
          return bavail * bsize;
        } catch (error) {
          if (!isMissing(error) || at === dirname(at)) throw translateDiskError(error, "asking for free space", root);
        }
      }
    },

    openWriter: async (key, { signal }) => writerFor(key, signal, "part"),

    create: async (key, bytes, { signal }) => writeWhole(writerFor(key, signal, "create"), bytes),
    replace: async (key, bytes, { signal }) => writeWhole(writerFor(key, signal, "replace"), bytes),

    async *read(key, { offset = 0, signal }) {
      requireObjectKey(key);
      signal.throwIfAborted();
      const handle = await orAbsent(() => fs.open(pathOf(key), "r"), `reading ${key}`);
      if (handle === undefined) throw new AppError("object_not_found", `${key} is not in ${root}`);
      try {
        yield* readFile(handle, { key, offset, location: root, signal });
      } finally {
        await handle.close();
      }
    },

    async find(key, signal) {
      requireObjectKey(key);
      signal.throwIfAborted();
      const stats = await orAbsent(() => fs.stat(pathOf(key)), `looking for ${key}`);
      if (!stats?.isFile()) return undefined;
      return { key, sizeBytes: stats.size, modifiedAt: Math.trunc(stats.mtimeMs) };
    },

    async *list(prefix, signal) {
      requireListPrefix(prefix);
      await requireRoot();
      const keyName = (name: string): string | undefined => (name.startsWith(".") ? undefined : name);
      try {
        for await (const { key, stats } of walkFiles({ fs, root, prefix, signal, keyName })) {
          yield { key, sizeBytes: stats.size, modifiedAt: Math.trunc(stats.mtimeMs) };
        }
      } catch (error) {
        throw translateDiskError(error, `listing ${prefix}`, root);
      }
      await requireRoot(); // Unmounted meanwhile, the rest would be missing without an error.
    },

    async delete(key, signal) {
      requireObjectKey(key);
      signal.throwIfAborted();
      await removeFile(pathOf(key), `deleting ${key}`);
    },

    async listDebris(signal) {
      signal.throwIfAborted();
      const found = await orAbsent(() => fs.stat(root), "looking for unfinished files").catch((error: unknown) => {
        if (error instanceof AppError && error.code === "storage_unreachable") return undefined;
        throw error;
      });
      if (found === undefined) return [];
      const debris = [];
      for await (const file of walkFiles({ fs, root, prefix: "", signal, keyName: parseTemporaryName })) {
        const id = relative(root, file.path).split(sep).join("/");
        // The last write counts, so that a long upload that is alive never looks old.
        debris.push({ id, key: file.key, sizeBytes: file.stats.size, startedAt: Math.trunc(file.stats.mtimeMs) });
      }
      return debris;
    },

    async deleteDebris({ id }, signal) {
      signal.throwIfAborted();
      requireDebrisId(id, parseTemporaryName);
      await removeFile(join(root, ...id.split("/")), `deleting ${id}`);
    },

    async [Symbol.asyncDispose]() {},
  };

  /** Durable when it resolves: parts are deleted only after their manifest is gone for good. */
  async function removeFile(path: string, what: string): Promise<void> {
    const removed = await orAbsent(async () => {
      await fs.unlink(path);
      await syncDirectory(fs, dirname(path));
      return true;
    }, what);
    if (removed) await removeEmptyDirectories(fs, root, dirname(path));
  }

  return store;
}
