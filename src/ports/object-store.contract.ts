// The suite every object store passes: the port's checks as tests, one store for all of them.
//
//   describeObjectStoreContract("local", async () => ({ store, [Symbol.asyncDispose]: async () => { … } }));

import { afterAll, describe, expect, test as plainTest } from "bun:test";
import { checkPrefix, objectStoreChecks, removeAll } from "./object-store.check.ts";
import type { ObjectStore } from "./object-store.ts";

/** Disposing it also stops the server behind the store; the suite disposes the store itself first. */
export interface ObjectStoreSubject extends AsyncDisposable {
  readonly store: ObjectStore;
}

export interface ContractOptions {
  /** What `needs(...)` gave, for a store that wants a program. */
  readonly test?: typeof plainTest;
  readonly timeoutMs?: number;
}

/** `open` gives a store that holds no object; it is called by the first test that runs. */
export function describeObjectStoreContract(
  name: string,
  open: () => Promise<ObjectStoreSubject>,
  options: ContractOptions = {},
): void {
  const test = options.test ?? plainTest;
  const timeoutMs = options.timeoutMs ?? 60_000;
  describe(`object store contract: ${name}`, () => {
    let opening: Promise<ObjectStoreSubject> | undefined;
    const subject = (): Promise<ObjectStoreSubject> => (opening ??= open());

    afterAll(async () => {
      if (opening === undefined) return;
      const opened = await opening;
      await opened.store[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    });

    for (const check of objectStoreChecks) {
      test(
        check.name,
        async () => {
          const { store } = await subject();
          const place = { store, prefix: checkPrefix(), signal: AbortSignal.timeout(timeoutMs) };
          await check.run(place);
          expect(await removeAll(place)).toEqual([]);
        },
        timeoutMs + 5_000,
      );
    }

    test("nothing is left when all is removed", async () => {
      const { store } = await subject();
      const signal = AbortSignal.timeout(timeoutMs);
      const left: string[] = [];
      for await (const info of store.list("", signal)) left.push(info.key);
      for (const debris of await store.listDebris(signal)) left.push(debris.id);
      expect(left).toEqual([]);
    });
  });
}
