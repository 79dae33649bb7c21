// Checks: small objects are made in one step and never replaced.

import {
  readObject,
  ensure,
  requireCode,
  requireEqualBytes,
  sampleBytes,
  writeObject,
  type ObjectStoreCheck,
} from "./check.ts";

export const creatingChecks: readonly ObjectStoreCheck[] = [
  {
    name: "a created object comes back as it was given",
    effort: "quick",
    async run(place) {
      for (const size of [0, 1, 20_000]) {
        const key = `${place.prefix}created-${size}.json`;
        const bytes = sampleBytes(size, 21);
        const info = await place.store.create(key, bytes, { signal: place.signal });
        ensure(info.key === key && info.sizeBytes === size, `creating ${key} reported ${JSON.stringify(info)}`);
        requireEqualBytes(await readObject(place, key), bytes, key);
      }
    },
  },
  {
    name: "creating an object that exists is refused and changes nothing",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const first = sampleBytes(3000, 22);
      await store.create(`${prefix}once.json`, first, { signal });
      await writeObject(place, `${prefix}written.bin`, first);
      for (const key of [`${prefix}once.json`, `${prefix}written.bin`]) {
        const again = store.create(key, sampleBytes(10, 23), { signal });
        await requireCode(again, "object_exists", `creating ${key} a second time`);
        requireEqualBytes(await readObject(place, key), first, key);
      }
    },
  },
  {
    name: "of several that create the same object at once, one wins and its bytes stay",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      await store.probe(signal); // Some stores only then know what they can.
      if (!store.capabilities.conditionalCreate) return "not checked: the storage cannot refuse by itself";
      const key = `${prefix}race.json`;
      const offers = [31, 32, 33, 34].map((seed) => sampleBytes(500, seed));
      const results = await Promise.allSettled(offers.map((bytes) => store.create(key, bytes, { signal })));
      const winners = offers.filter((_, index) => results[index]?.status === "fulfilled");
      ensure(winners.length === 1, `${winners.length} of ${offers.length} creates of ${key} succeeded at once`);
      requireEqualBytes(await readObject(place, key), winners[0]!, key);
      for (const result of results) {
        if (result.status === "rejected") await requireCode(Promise.reject(result.reason), "object_exists", "losing");
      }
      return undefined;
    },
  },
  {
    name: "the storage answers a probe and tells its free space when it says it can",
    effort: "quick",
    async run({ store, signal }) {
      await store.probe(signal);
      const free = await store.freeBytes(signal);
      if (!store.capabilities.freeSpace) {
        ensure(free === null, "free space was told by a storage that says it cannot");
        return undefined;
      }
      ensure(free !== null && Number.isFinite(free) && free >= 0, `free space was told as ${free}`);
      return `${Math.floor(free / 1024 ** 3)} GiB free`;
    },
  },
];
