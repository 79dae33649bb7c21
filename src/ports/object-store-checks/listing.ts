// Checks: names, listing, deleting and what a crash leaves.

import {
  failureOf,
  listObjects,
  MiB,
  readObject,
  ensure,
  requireAbsent,
  requireCode,
  requireEqualBytes,
  requireNoDebris,
  sampleBytes,
  type CheckPlace,
  type ObjectStoreCheck,
} from "./check.ts";

const oddNames = [
  "two words  and three",
  " space first",
  "plus+plus",
  "per%20cent%",
  "hash#mark",
  "question?mark=1&x=y",
  'it\'s a "quote"',
  "(brackets)[square]{curly}",
  "semi;colon,comma:at@dollar$bang!star~tilde",
  "-rf",
  "$(touch hacked)",
  "grüße/日本語/🗄️.bin",
  "UPPER/upper",
  "dots..inside.and.at.the.end",
  `${"long".repeat(50)}/${"deep".repeat(50)}`,
];

const illegalKeys = [
  "",
  "/",
  "/etc/passwd",
  "a//b",
  "a/",
  ".",
  "..",
  "../a",
  "a/../b",
  "a/..",
  "a/./b",
  ".hidden",
  "a/.hidden",
  "nul\0byte",
  "line\nbreak",
  "half \ud800 surrogate",
  "x".repeat(901),
];

async function keysUnder(place: CheckPlace, prefix: string): Promise<string[]> {
  return (await listObjects(place, prefix)).map((info) => info.key).sort();
}

function requireKeys(got: readonly string[], wanted: readonly string[], what: string): void {
  const sorted = [...wanted].sort();
  const same = got.length === sorted.length && got.every((key, index) => key === sorted[index]);
  ensure(same, `${what} gave ${got.length} keys [${got.slice(0, 5).join(", ")}] instead of ${sorted.length}`);
}

async function inBatches<T>(items: readonly T[], size: number, work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += size) await Promise.all(items.slice(at, at + size).map(work));
}

export const listingChecks: readonly ObjectStoreCheck[] = [
  {
    name: "a listing gives every object below a prefix with its size and time, and no other",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      requireKeys(await keysUnder(place, prefix), [], "listing an unused prefix");
      requireKeys(await keysUnder(place, `${prefix}no/such/place/`), [], "listing a place that is not there");
      const keys = ["shop/a.dump", "shop/2026/b.dump", "shop/2026/11/c.dump", "shop-two/d.dump", "other/e.dump"];
      for (const [index, key] of keys.entries()) {
        await store.create(prefix + key, sampleBytes(100 + index, index), { signal });
      }
      const full = (some: readonly string[]): string[] => some.map((key) => prefix + key);
      requireKeys(await keysUnder(place, prefix), full(keys), "listing all");
      requireKeys(await keysUnder(place, `${prefix}shop/`), full(keys.slice(0, 3)), "listing shop/");
      requireKeys(await keysUnder(place, `${prefix}shop`), full(keys.slice(0, 4)), "listing shop");
      requireKeys(await keysUnder(place, `${prefix}shop/2026/1`), full(keys.slice(2, 3)), "listing a part of a name");
      requireKeys(await keysUnder(place, prefix + keys[0]!), full(keys.slice(0, 1)), "listing one whole key");
      for (const info of await listObjects(place)) {
        const wanted = 100 + keys.indexOf(info.key.slice(prefix.length));
        ensure(info.sizeBytes === wanted, `${info.key} is listed with ${info.sizeBytes} bytes instead of ${wanted}`);
        ensure(Number.isFinite(info.modifiedAt) && info.modifiedAt > 1e12, `${info.key} is listed without its time`);
      }
    },
  },
  {
    name: "a listing of more than a thousand objects is complete",
    effort: "full",
    async run(place) {
      const { store, prefix, signal } = place;
      const keys = Array.from({ length: 1105 }, (_, i) => `${prefix}many/${i % 7}/object ${i}.json`);
      const bytes = sampleBytes(3, 51);
      await inBatches(keys, 24, (key) => store.create(key, bytes, { signal }));
      requireKeys(await keysUnder(place, `${prefix}many/`), keys, "listing many");
      let seen = 0;
      for await (const _ of store.list(`${prefix}many/`, signal)) if (++seen === 3) break;
      await inBatches(keys, 24, (key) => store.delete(key, signal));
      requireKeys(await keysUnder(place, prefix), [], "listing after deleting all");
    },
  },
  {
    name: "names with spaces, quotes, signs and letters of any script are kept exactly",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const keys = oddNames.map((name) => prefix + name);
      for (const [index, key] of keys.entries()) await store.create(key, sampleBytes(50 + index, index), { signal });
      requireKeys(await keysUnder(place, prefix), keys, "listing odd names");
      for (const [index, key] of keys.entries()) {
        ensure((await store.find(key, signal))?.sizeBytes === 50 + index, `${key} was not found`);
        requireEqualBytes(await readObject(place, key), sampleBytes(50 + index, index), key);
        requireKeys(await keysUnder(place, key), [key], `listing ${key}`);
        await store.delete(key, signal);
        ensure((await store.find(key, signal)) === undefined, `${key} is there after it was deleted`);
      }
    },
  },
  {
    name: "names that lead elsewhere or cannot be kept are refused",
    effort: "quick",
    async run(place) {
      const { store, signal } = place;
      for (const key of illegalKeys) {
        const what = `the key ${JSON.stringify(key.slice(0, 40))}`;
        await requireCode(store.openWriter(key, { signal }), "usage", `writing ${what}`);
        await requireCode(store.create(key, sampleBytes(1, 1), { signal }), "usage", `creating ${what}`);
        await requireCode(readObject(place, key), "usage", `reading ${what}`);
        await requireCode(store.find(key, signal), "usage", `finding ${what}`);
        await requireCode(store.delete(key, signal), "usage", `deleting ${what}`);
      }
      for (const prefix of ["/", "../", "a/../", "a//"]) {
        await requireCode(listObjects(place, prefix), "usage", `listing ${JSON.stringify(prefix)}`);
      }
    },
  },
  {
    name: "deleting removes an object, and deleting it again succeeds",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const key = `${prefix}deleted/x.json`;
      await store.create(key, sampleBytes(10, 52), { signal });
      await store.create(`${prefix}deleted/x.json.kept`, sampleBytes(10, 53), { signal });
      await store.delete(key, signal);
      await requireAbsent(place, key, "after it was deleted");
      await store.delete(key, signal);
      await store.delete(`${prefix}never/was/here.json`, signal);
      requireKeys(await keysUnder(place, prefix), [`${prefix}deleted/x.json.kept`], "listing after deleting");
      await store.create(key, sampleBytes(10, 54), { signal });
      requireEqualBytes(await readObject(place, key), sampleBytes(10, 54), key);
    },
  },
  {
    name: "what a crash leaves is found as debris, is no object, and can be removed",
    effort: "quick",
    async run(place) {
      const { store, prefix, signal } = place;
      const key = `${prefix}debris.bin`;
      await using writer = await store.openWriter(key, { signal });
      await writer.write(sampleBytes(12 * MiB, 55));
      const left = (await store.listDebris(signal)).filter((debris) => debris.key === key);
      ensure(left.length === 1, `an unfinished upload is listed ${left.length} times as debris`);
      const [debris] = left;
      const ageMs = Date.now() - debris!.startedAt;
      ensure(
        Math.abs(ageMs) < 86_400_000,
        `an upload of just now is listed as begun ${Math.round(ageMs / 1000)} s ago`,
      );
      await requireAbsent(place, key, "while it is debris");
      await store.deleteDebris(debris!, signal);
      await requireNoDebris(place, key, "after it was removed");
      await store.deleteDebris(debris!, signal);
      await failureOf(writer.close(), "closing a writer whose upload was removed");
      await requireAbsent(place, key, "after its upload was removed");
    },
  },
];
