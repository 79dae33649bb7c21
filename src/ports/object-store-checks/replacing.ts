// Checks: notes about a backup change in place, and are never away.

import {
  ensure,
  failureOf,
  listObjects,
  readObject,
  requireEqualBytes,
  requireNoDebris,
  sampleBytes,
  type ObjectStoreCheck,
} from "./check.ts";

export const replacingChecks: readonly ObjectStoreCheck[] = [
  {
    name: "a replaced object holds the last bytes, and one that was not there is made",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const key = `${prefix}note.json`;
      for (const [index, size] of [300, 5000, 0, 20].entries()) {
        const bytes = sampleBytes(size, 51 + index);
        const info = await store.replace(key, bytes, { signal });
        ensure(info.key === key && info.sizeBytes === size, `replacing ${key} reported ${JSON.stringify(info)}`);
        requireEqualBytes(await readObject(place, key), bytes, key);
      }
      const listed = await listObjects(place);
      ensure(listed.length === 1 && listed[0]?.sizeBytes === 20, `${key} is listed as ${JSON.stringify(listed)}`);
      await requireNoDebris(place, key, "after it was replaced");
    },
  },
  {
    name: "whoever reads while an object is replaced gets the old bytes or the new ones",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const key = `${prefix}read-meanwhile.json`;
      const versions = [61, 62, 63, 64, 65, 66].map((seed) => sampleBytes(2000 + seed, seed));
      await store.replace(key, versions[0]!, { signal });
      let isWriting = true;
      const reading = (async (): Promise<number> => {
        let reads = 0;
        while (isWriting) {
          const bytes = await readObject(place, key);
          ensure(
            versions.some((version) => Buffer.compare(version, bytes) === 0),
            `reading ${key} while it was replaced gave bytes that nobody wrote`,
          );
          reads++;
        }
        return reads;
      })();
      // Told below; until then it must not count as unhandled.
      reading.catch(() => {});
      try {
        for (const version of versions.slice(1)) await store.replace(key, version, { signal });
      } finally {
        isWriting = false;
      }
      if (!store.capabilities.atomicReplace) {
        await reading.catch(() => {});
        requireEqualBytes(await readObject(place, key), versions.at(-1)!, key);
        return "in two steps: a listing may miss it for a moment";
      }
      await reading;
      requireEqualBytes(await readObject(place, key), versions.at(-1)!, key);
      return undefined;
    },
  },
  {
    name: "a replacement that was cancelled leaves the old object",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const key = `${prefix}kept.json`;
      const old = sampleBytes(700, 71);
      await store.replace(key, old, { signal });
      await failureOf(
        store.replace(key, sampleBytes(800, 72), { signal: AbortSignal.abort() }),
        "a cancelled replacement",
      );
      requireEqualBytes(await readObject(place, key), old, key);
      await requireNoDebris(place, key, "after a cancelled replacement");
    },
  },
];
