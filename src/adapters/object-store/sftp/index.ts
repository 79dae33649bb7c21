// Objects as files below one directory of an SFTP server.

import { posix } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ObjectStore, ObjectStoreContext } from "../../../ports/object-store.ts";
import { probeKey, requireListPrefix, requireObjectKey } from "../object-key.ts";
import { parseTemporaryName, requireDebrisId } from "../temporary-name.ts";
import type { WritePurpose } from "../write-purpose.ts";
import { writeWhole } from "../write-whole.ts";
import { parseAsideName } from "./aside-name.ts";
import { debrisName, isStillObject, objectName, placesOf, removeAside, statObject } from "./aside.ts";
import type { SftpStoreConfig } from "./config.ts";
import { defaultTimes, type ConnectionTimes } from "./connection.ts";
import { readRemoteFile } from "./reader.ts";
import { findStats, isUnsupported, remoteFiles, removeEmptyDirectories, type RemoteFiles } from "./remote-files.ts";
import { openSession } from "./session.ts";
import { hasStatus, sftpStatus, translateStatus } from "./sftp-status.ts";
import { sizeAndTime, walkRemote } from "./walk.ts";
import { openSftpWriter } from "./writer.ts";

export function open(config: SftpStoreConfig, context: ObjectStoreContext): ObjectStore {
  return openSftpStore(config, context, defaultTimes);
}

export function openSftpStore(
  config: SftpStoreConfig,
  context: ObjectStoreContext,
  times: ConnectionTimes,
): ObjectStore {
  const root = posix.normalize(config.path).replace(/(?<=.)\/$/, "");
  const location = locationOf(config, root);
  const session = openSession(config, location, times);
  let hardLinks = true;
  let freeSpace = true;
  let replaces = true;
  const pathOf = (key: string): string => posix.join(root, key);

  /** A missing directory is a disk that is not mounted until proven otherwise: never an empty storage. */
  async function requireRoot(files: RemoteFiles): Promise<void> {
    if ((await findStats(files, root)) !== undefined) return;
    throw new AppError("storage_unreachable", `the directory of ${location} does not exist`, {
      hint: "see path and whether its disk is mounted; the first backup, or `backupctl test`, creates it",
    });
  }

  /** Undefined when nothing is there, provided that the root is. */
  async function orAbsent<T>(files: RemoteFiles, what: string, attempt: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt();
    } catch (error) {
      if (!hasStatus(error, sftpStatus.noSuchFile)) throw translateStatus(error, what, location);
      await requireRoot(files);
      return undefined;
    }
  }

  const writerFor = (key: string, signal: AbortSignal, purpose: WritePurpose): ReturnType<typeof openSftpWriter> => {
    requireObjectKey(key);
    signal.throwIfAborted();
    return openSftpWriter({
      session,
      root,
      key,
      purpose,
      signal,
      context,
      onNoHardLinks: () => (hardLinks = false),
      onNoReplace: () => (replaces = false),
    });
  };

  async function removeFile(files: RemoteFiles, path: string, what: string): Promise<void> {
    const removed = await orAbsent(files, what, async () => {
      await files.unlink(path);
      return true;
    });
    if (removed) await removeEmptyDirectories(files, root, posix.dirname(path));
  }

  const store: ObjectStore = {
    type: "sftp",
    location,
    get capabilities() {
      return { conditionalCreate: hardLinks, atomicReplace: replaces, tags: false, freeSpace };
    },

    async probe(signal) {
      const key = probeKey();
      const bytes = Buffer.from(key);
      await store.create(key, bytes, { signal });
      const chunks: Uint8Array[] = [];
      for await (const chunk of store.read(key, { signal })) chunks.push(chunk);
      await store.delete(key, signal);
      if (Buffer.compare(Buffer.concat(chunks), bytes) === 0) return;
      throw new AppError("storage_failed", `${location} gave back other bytes than were written`);
    },

    async freeBytes(signal) {
      const files = remoteFiles(session, signal);
      // Before the first backup the directory is not there yet: its nearest parent is on the disk it will be on.
      for (let at = root; ; at = posix.dirname(at)) {
        try {
          return await files.freeBytes(at);
        } catch (error) {
          if (isUnsupported(error)) {
            freeSpace = false;
            return null;
          }
          const isMissing = hasStatus(error, sftpStatus.noSuchFile) && at !== posix.dirname(at);
          if (!isMissing) throw translateStatus(error, "asking for free space", location);
        }
      }
    },

    openWriter: async (key, { signal }) => writerFor(key, signal, "part"),

    create: async (key, bytes, { signal }) => writeWhole(writerFor(key, signal, "create"), bytes),
    replace: async (key, bytes, { signal }) => writeWhole(writerFor(key, signal, "replace"), bytes),

    async *read(key, { offset = 0, signal }) {
      requireObjectKey(key);
      signal.throwIfAborted();
      let absence: unknown;
      try {
        for (const path of placesOf(pathOf(key))) {
          try {
            return yield* readRemoteFile({ session, key, path, offset, signal });
          } catch (error) {
            if (!hasStatus(error, sftpStatus.noSuchFile)) throw error;
            absence = error;
          }
        }
        throw absence;
      } catch (error) {
        await orAbsent(remoteFiles(session, signal), `reading ${key}`, () => Promise.reject(error));
        throw new AppError("object_not_found", `${key} is not in ${location}`, { cause: error });
      }
    },

    async find(key, signal) {
      requireObjectKey(key);
      const files = remoteFiles(session, signal);
      const stats = await orAbsent(files, `looking for ${key}`, () => statObject(files, pathOf(key)));
      return stats?.isFile() ? { key, ...sizeAndTime(stats) } : undefined;
    },

    async *list(prefix, signal) {
      requireListPrefix(prefix);
      const files = remoteFiles(session, signal);
      try {
        await requireRoot(files);
        for await (const { key, sizeBytes, modifiedAt } of walkRemote({ files, root, prefix, keyName: objectName })) {
          yield { key, sizeBytes, modifiedAt };
        }
        await requireRoot(files); // Unmounted meanwhile, the rest would be missing without an error.
      } catch (error) {
        throw translateStatus(error, `listing ${prefix}`, location);
      }
    },

    async delete(key, signal) {
      requireObjectKey(key);
      const files = remoteFiles(session, signal);
      await orAbsent(files, `deleting ${key}`, () => removeAside(files, pathOf(key)));
      await removeFile(files, pathOf(key), `deleting ${key}`);
    },

    async listDebris(signal) {
      const files = remoteFiles(session, signal);
      const debris = [];
      try {
        for await (const file of walkRemote({ files, root, prefix: "", keyName: debrisName })) {
          const id = posix.relative(root, file.path);
          // The last write counts, so that a long upload that is alive never looks old.
          debris.push({ id, key: file.key, sizeBytes: file.sizeBytes, startedAt: file.modifiedAt });
        }
      } catch (error) {
        throw translateStatus(error, "looking for unfinished files", location);
      }
      return debris;
    },

    async deleteDebris({ id }, signal) {
      requireDebrisId(id, (fileName) => parseAsideName(fileName) ?? parseTemporaryName(fileName));
      const files = remoteFiles(session, signal);
      if (await isStillObject(files, posix.join(root, id))) return;
      await removeFile(files, posix.join(root, id), `deleting ${id}`);
    },

    [Symbol.asyncDispose]: () => session.close(),
  };
  return store;
}

/** A path that is relative to the login's directory is shown below `~`. */
function locationOf({ user, host, port }: SftpStoreConfig, root: string): string {
  const shownHost = host.includes(":") ? `[${host}]` : host;
  const shownPath = root.startsWith("/") ? root : `/~/${root === "." ? "" : root}`;
  return `sftp://${user}@${shownHost}:${port}${shownPath}`;
}
