// Checks: an object exists whole or not at all.

import {
  failureOf,
  MiB,
  readObject,
  requireAbsent,
  requireEqualBytes,
  requireNoDebris,
  ensure,
  sampleBytes,
  writeObject,
  type CheckPlace,
  type ObjectStoreCheck,
} from "./check.ts";

async function roundTrip(place: CheckPlace, sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    const key = `${place.prefix}size-${size}.bin`;
    const bytes = sampleBytes(size, size);
    const written = await writeObject(place, key, bytes);
    ensure(written.key === key, `closing ${key} reported the key ${written.key}`);
    ensure(written.sizeBytes === size, `closing ${key} reported ${written.sizeBytes} bytes instead of ${size}`);
    const found = await place.store.find(key, place.signal);
    ensure(found?.sizeBytes === size, `${key} was found with ${found?.sizeBytes} bytes instead of ${size}`);
    requireEqualBytes(await readObject(place, key), bytes, key);
  }
}

export const writingChecks: readonly ObjectStoreCheck[] = [
  {
    name: "objects of no, one and some thousand bytes come back as they were written",
    effort: "quick",
    run: (place) => roundTrip(place, [0, 1, 70_001]),
  },
  {
    name: "objects of one byte less and more than 5 MiB and 8 MiB come back as they were written",
    effort: "full",
    run: (place) =>
      roundTrip(
        place,
        [5, 8].flatMap((size) => [size * MiB - 1, size * MiB, size * MiB + 1]),
      ),
  },
  {
    name: "an object of 20 MiB, sent in several parts, comes back as it was written",
    effort: "quick",
    run: (place) => roundTrip(place, [20 * MiB]),
  },
  {
    name: "chunks of any length make one object and are not changed",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}chunks.bin`;
      const bytes = sampleBytes(9 * MiB, 5);
      const before = new Uint8Array(bytes);
      await using writer = await place.store.openWriter(key, { signal: place.signal });
      let at = 0;
      for (const length of [1, 7, 65_536, 1, 3 * MiB, 4095, bytes.length]) {
        await writer.write(bytes.subarray(at, at + length));
        at = Math.min(bytes.length, at + length);
      }
      await writer.close();
      requireEqualBytes(bytes, before, "the chunk in our hands");
      requireEqualBytes(await readObject(place, key), before, key);
    },
  },
  {
    name: "a chunk that was taken is not needed any more: its memory may be used for the next one",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}reused.bin`;
      const bytes = sampleBytes(9 * MiB, 7);
      const memory = new Uint8Array(4 * MiB);
      await using writer = await place.store.openWriter(key, { signal: place.signal });
      let at = 0;
      for (const length of [MiB, 16, MiB, 16, 4 * MiB, 4095, 2 * MiB, bytes.length - 8 * MiB - 4127]) {
        memory.set(bytes.subarray(at, at + length));
        await writer.write(memory.subarray(0, length));
        memory.fill(0xee);
        at += length;
      }
      await writer.close();
      requireEqualBytes(await readObject(place, key), bytes, key);
    },
  },
  {
    name: "an object becomes visible at close and not before",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}visible.bin`;
      const bytes = sampleBytes(12 * MiB, 2);
      await using writer = await place.store.openWriter(key, { signal: place.signal });
      await requireAbsent(place, key, "after its writer was opened");
      await writer.write(bytes);
      await requireAbsent(place, key, "while it is written");
      await writer.close();
      requireEqualBytes(await readObject(place, key), bytes, key);
    },
  },
  {
    name: "aborting a writer leaves nothing, however much was written",
    effort: "quick",
    async run(place) {
      for (const size of [0, 1000, 12 * MiB]) {
        const key = `${place.prefix}aborted-${size}.bin`;
        await using writer = await place.store.openWriter(key, { signal: place.signal });
        if (size > 0) await writer.write(sampleBytes(size, 3));
        await writer.abort();
        await writer.abort();
        await requireAbsent(place, key, "after its writer was aborted");
        await requireNoDebris(place, key, "after its writer was aborted");
        await failureOf(writer.close(), "closing an aborted writer");
        await requireAbsent(place, key, "after closing an aborted writer");
      }
    },
  },
  {
    name: "leaving a writer without closing it leaves nothing",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}left.bin`;
      {
        await using writer = await place.store.openWriter(key, { signal: place.signal });
        await writer.write(sampleBytes(12 * MiB, 4));
      }
      await requireAbsent(place, key, "after its writer was left");
      await requireNoDebris(place, key, "after its writer was left");
    },
  },
  {
    name: "a closed object stays when its writer is aborted or written to again",
    effort: "quick",
    async run(place) {
      const key = `${place.prefix}closed.bin`;
      const bytes = sampleBytes(5000, 6);
      const writer = await place.store.openWriter(key, { signal: place.signal });
      await writer.write(bytes);
      await writer.close();
      await failureOf(writer.write(bytes), "writing to a closed writer");
      await writer.abort();
      await writer[Symbol.asyncDispose]();
      requireEqualBytes(await readObject(place, key), bytes, key);
    },
  },
  {
    name: "several writers at once do not disturb each other",
    effort: "quick",
    async run(place) {
      const writes = [1, 2, 3, 4].map(async (seed) => {
        const key = `${place.prefix}at-once/${seed}.bin`;
        const bytes = sampleBytes(MiB + seed, seed);
        await writeObject(place, key, bytes, 100_000);
        requireEqualBytes(await readObject(place, key), bytes, key);
      });
      await Promise.all(writes);
    },
  },
  {
    name: "aborting the signal stops a writer with the signal's reason and leaves nothing",
    effort: "quick",
    async run(place) {
      for (const size of [1000, 9 * MiB]) {
        const key = `${place.prefix}cancelled-${size}.bin`;
        const controller = new AbortController();
        const reason = new Error("the check cancels this write");
        {
          await using writer = await place.store.openWriter(key, { signal: controller.signal });
          await writer.write(sampleBytes(size, 7));
          controller.abort(reason);
          const onWrite = await failureOf(writer.write(sampleBytes(size, 8)), "writing after the signal was aborted");
          ensure(onWrite === reason, `a cancelled write failed with ${String(onWrite)} instead of the signal's reason`);
          const onClose = await failureOf(writer.close(), "closing after the signal was aborted");
          ensure(onClose === reason, `a cancelled close failed with ${String(onClose)} instead of the signal's reason`);
        }
        await requireAbsent(place, key, "after its write was cancelled");
        await requireNoDebris(place, key, "after its write was cancelled");
        const late = place.store.openWriter(key, { signal: controller.signal });
        ensure((await failureOf(late, "opening a writer with an aborted signal")) === reason, "wrong reason at open");
      }
    },
  },
];
