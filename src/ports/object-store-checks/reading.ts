// Checks: a reader ends only when everything was delivered.

import {
  failureOf,
  MiB,
  readObject,
  ensure,
  requireCode,
  requireEqualBytes,
  sampleBytes,
  writeObject,
  type ObjectStoreCheck,
} from "./check.ts";

export const readingChecks: readonly ObjectStoreCheck[] = [
  {
    name: "reading begins at any offset",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}offset.bin`;
      const bytes = sampleBytes(MiB + 11, 41);
      await writeObject(place, key, bytes);
      for (const offset of [0, 1, 65_536, MiB + 10, bytes.length]) {
        requireEqualBytes(await readObject(place, key, offset), bytes.subarray(offset), `${key} from byte ${offset}`);
      }
      await requireCode(readObject(place, key, bytes.length + 1), "storage_failed", "reading from beyond the end");
    },
  },
  {
    name: "an object that is not there is not found",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      for (const key of [`${prefix}absent.bin`, `${prefix}no/such/place/absent.bin`]) {
        ensure((await store.find(key, signal)) === undefined, `${key} was found, but was never written`);
        await requireCode(readObject(place, key), "object_not_found", `reading ${key}`);
        await requireCode(readObject(place, key, 5), "object_not_found", `reading ${key} from byte 5`);
      }
      await store.create(`${prefix}folder/inside.json`, sampleBytes(10, 42), { signal });
      ensure(
        (await store.find(`${prefix}folder`, signal)) === undefined,
        "a mere part of a key was found as an object",
      );
      await requireCode(readObject(place, `${prefix}folder`), "object_not_found", "reading a mere part of a key");
    },
  },
  {
    name: "a reader may stop early, and others go on",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}early.bin`;
      const bytes = sampleBytes(6 * MiB, 43);
      await writeObject(place, key, bytes);
      for (let round = 0; round < 5; round++) {
        for await (const chunk of place.store.read(key, { signal: place.signal })) {
          ensure(chunk.length > 0, `reading ${key} yielded an empty chunk`);
          break;
        }
      }
      requireEqualBytes(await readObject(place, key), bytes, key);
    },
  },
  {
    name: "aborting the signal stops a reader with the signal's reason",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}cancelled.bin`;
      await writeObject(place, key, sampleBytes(6 * MiB, 44));
      const controller = new AbortController();
      const reason = new Error("the check cancels this read");
      async function readSome(): Promise<void> {
        for await (const _ of place.store.read(key, { signal: controller.signal })) controller.abort(reason);
      }
      ensure((await failureOf(readSome(), "reading on after an abort")) === reason, "a cancelled read hid the reason");
      ensure((await failureOf(readSome(), "reading with an aborted signal")) === reason, "a late read hid the reason");
    },
  },
  {
    name: "several readers of one object at once each get all of it",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}shared.bin`;
      const bytes = sampleBytes(2 * MiB, 45);
      await writeObject(place, key, bytes);
      const reads = [0, 1, 1000, MiB].map(async (offset) => {
        requireEqualBytes(await readObject(place, key, offset), bytes.subarray(offset), `${key} from byte ${offset}`);
      });
      await Promise.all(reads);
    },
  },
];
