import type { ObjectStore } from "../../ports/object-store.ts";

/** The same storage with some operations of its own; capabilities are asked anew each time, for they may be learnt late. */
export function wrapStore(store: ObjectStore, changed: Partial<ObjectStore>): ObjectStore {
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
    read: (key, options) => store.read(key, options),
    find: (key, signal) => store.find(key, signal),
    list: (prefix, signal) => store.list(prefix, signal),
    delete: (key, signal) => store.delete(key, signal),
    listDebris: (signal) => store.listDebris(signal),
    deleteDebris: (debris, signal) => store.deleteDebris(debris, signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    ...changed,
  };
}
