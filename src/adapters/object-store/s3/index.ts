// Objects in a bucket of S3 or of a store that speaks its language.

import type { ObjectStore, ObjectStoreContext } from "../../../ports/object-store.ts";
import { requireListPrefix, requireObjectKey } from "../object-key.ts";
import { defaultPolicy, type AttemptPolicy } from "./attempts.ts";
import type { S3StoreConfig } from "./config.ts";
import { openConnection } from "./connection.ts";
import { createObject, replaceObject } from "./create-object.ts";
import { findObject } from "./find-object.ts";
import { listObjects } from "./list-objects.ts";
import { listUploads } from "./list-uploads.ts";
import { probeStore } from "./probe.ts";
import { readObject } from "./read-object.ts";
import { abortUpload, deleteObject } from "./upload.ts";
import { openS3Writer } from "./writer.ts";

export function open(config: S3StoreConfig, context: ObjectStoreContext): ObjectStore {
  return openS3Store(config, context, defaultPolicy);
}

export function openS3Store(config: S3StoreConfig, context: ObjectStoreContext, policy: AttemptPolicy): ObjectStore {
  const connection = openConnection(config, context, policy);
  const { features, location } = connection;

  async function attempt<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw connection.fail(error, what, signal);
    }
  }

  return {
    type: "s3",
    location,
    /** `conditionalCreate` and `tags` are certain after `probe`. */
    get capabilities() {
      return {
        conditionalCreate: features.conditions === "honoured",
        atomicReplace: true,
        tags: features.tags,
        freeSpace: false,
      };
    },
    probe: (signal) => attempt("probing", signal, () => probeStore(connection, signal)),
    freeBytes: async () => null,

    async openWriter(key, options) {
      requireObjectKey(key);
      return openS3Writer(connection, key, options);
    },
    async create(key, bytes, options) {
      requireObjectKey(key);
      return attempt(`creating ${key}`, options.signal, () => createObject(connection, key, bytes, options));
    },
    async replace(key, bytes, options) {
      requireObjectKey(key);
      return attempt(`replacing ${key}`, options.signal, () => replaceObject(connection, key, bytes, options));
    },
    async *read(key, { offset = 0, signal }) {
      requireObjectKey(key);
      signal.throwIfAborted();
      yield* readObject(connection, key, offset, signal);
    },
    async find(key, signal) {
      requireObjectKey(key);
      return attempt(`looking for ${key}`, signal, () => findObject(connection, key, signal));
    },
    async *list(prefix, signal) {
      requireListPrefix(prefix);
      signal.throwIfAborted();
      try {
        yield* listObjects(connection, prefix, signal);
      } catch (error) {
        throw connection.fail(error, `listing ${prefix}`, signal);
      }
    },
    async delete(key, signal) {
      requireObjectKey(key);
      await attempt(`deleting ${key}`, signal, () => deleteObject(connection, key, signal));
    },
    listDebris: (signal) =>
      attempt("looking for unfinished uploads", signal, () => listUploads(connection, "", signal)),
    async deleteDebris({ key, id }, signal) {
      requireObjectKey(key);
      await attempt(`removing the upload of ${key}`, signal, () => abortUpload(connection, key, id, signal));
    },
    async [Symbol.asyncDispose]() {
      connection.client.destroy();
    },
  };
}
