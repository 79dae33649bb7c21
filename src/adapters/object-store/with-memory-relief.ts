// Reading fast makes garbage faster than the runtime collects it: every few megabytes `relieve` may do so.

import type { ByteStream } from "../../ports/byte-stream.ts";
import type { ObjectStore } from "../../ports/object-store.ts";

const relieveEveryBytes = 8 * 1024 * 1024;

export function withMemoryRelief(store: ObjectStore, relieve: () => void): ObjectStore {
  async function* read(...args: Parameters<ObjectStore["read"]>): ByteStream {
    let bytes = 0;
    for await (const chunk of store.read(...args)) {
      bytes += chunk.length;
      if (bytes >= relieveEveryBytes) {
        bytes = 0;
        relieve();
      }
      yield chunk;
    }
  }
  return {
    type: store.type,
    location: store.location,
    get capabilities() {
      return store.capabilities;
    },
    probe: (signal) => store.probe(signal),
    freeBytes: (signal) => store.freeBytes(signal),
    openWriter: (key, options) => store.openWriter(key, options),
    create: (key, bytes, options) => store.create(key, bytes, options),
    replace: (key, bytes, options) => store.replace(key, bytes, options),
    read,
    find: (key, signal) => store.find(key, signal),
    list: (prefix, signal) => store.list(prefix, signal),
    delete: (key, signal) => store.delete(key, signal),
    listDebris: (signal) => store.listDebris(signal),
    deleteDebris: (debris, signal) => store.deleteDebris(debris, signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
