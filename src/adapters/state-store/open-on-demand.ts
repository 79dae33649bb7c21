// A state store that could not be opened yet: each call tries again, until one succeeds.

import type { StateStore } from "../../ports/state-store.ts";

/** `open` gives a store that is ready, its schema up to date. */
export function openOnDemand(location: string, open: () => Promise<StateStore>): StateStore {
  let opening: Promise<StateStore> | undefined;
  function ensureOpen(): Promise<StateStore> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }
  return new Proxy({} as StateStore, {
    get(_target, name: keyof StateStore | "then") {
      if (name === "location") return location;
      // Nobody may take it for a promise.
      if (name === "then") return undefined;
      if (name === Symbol.asyncDispose) {
        return async () => (await opening?.catch(() => undefined))?.[Symbol.asyncDispose]();
      }
      return async (...args: unknown[]) => {
        const store = await ensureOpen();
        return (store[name] as (...given: unknown[]) => unknown).apply(store, args);
      };
    },
  });
}
