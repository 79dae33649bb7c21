// The suite that every fallback journal passes.

import { describe, expect, test } from "bun:test";
import type { FallbackJournal, JournalEntry } from "./fallback-journal.ts";

export interface JournalBed extends AsyncDisposable {
  readonly journal: FallbackJournal;
  /** Another opening of the same journal, as another process has it. */
  readonly other: FallbackJournal;
}

export function makeEntry(id: string, payload: unknown = { id }, type: JournalEntry["type"] = "audit"): JournalEntry {
  return { id, type, payload, timestamp: 1_700_000_000_000 };
}

export function describeFallbackJournalContract(name: string, openBed: () => Promise<JournalBed>): void {
  const idsOf = async (journal: FallbackJournal): Promise<readonly string[]> =>
    (await journal.read()).entries.map(({ id }) => id);

  describe(`the fallback journal ${name}`, () => {
    test("is empty at first, and removing from it is harmless", async () => {
      await using bed = await openBed();
      expect(await bed.journal.read()).toEqual({ entries: [], damaged: 0 });
      await bed.journal.remove(["nobody"]);
      await bed.journal.append();
      expect(await bed.journal.read()).toEqual({ entries: [], damaged: 0 });
    });

    test("gives back what was appended, in order, to everybody", async () => {
      await using bed = await openBed();
      const entries = [
        makeEntry("a", { text: "line one\nline two ☕ \u2028 \0", list: [1, null, { deep: true }] }),
        makeEntry("b", null, "notification"),
        makeEntry("c", "x".repeat(200_000)),
      ];
      await bed.journal.append(entries[0]!, entries[1]!);
      await bed.other.append(entries[2]!);
      expect(await bed.journal.read()).toEqual({ entries, damaged: 0 });
      expect(await bed.other.read()).toEqual({ entries, damaged: 0 });
    });

    test("an id that was appended twice is given once, at its first place", async () => {
      await using bed = await openBed();
      await bed.journal.append(makeEntry("a", 1), makeEntry("b"));
      await bed.journal.append(makeEntry("a", 2));
      const { entries } = await bed.journal.read();
      expect(entries.map(({ id, payload }) => [id, payload])).toEqual([
        ["a", 1],
        ["b", { id: "b" }],
      ]);
      await bed.journal.remove(["a"]);
      expect(await idsOf(bed.journal)).toEqual(["b"]);
    });

    test("removes what is named and nothing else", async () => {
      await using bed = await openBed();
      await bed.journal.append(makeEntry("a"), makeEntry("b"), makeEntry("c"));
      await bed.other.append(makeEntry("d"));
      await bed.journal.remove(["a", "c", "unknown"]);
      expect(await idsOf(bed.other)).toEqual(["b", "d"]);
      await bed.other.remove(["b", "d"]);
      expect(await idsOf(bed.journal)).toEqual([]);
      await bed.journal.append(makeEntry("e"));
      expect(await idsOf(bed.other)).toEqual(["e"]);
    });

    test("a rejected entry is not given again", async () => {
      await using bed = await openBed();
      await bed.journal.append(makeEntry("a"), makeEntry("b"));
      await bed.journal.reject(makeEntry("a"), "the store refuses it");
      expect(await idsOf(bed.other)).toEqual(["b"]);
    });

    test("many who append while others remove lose nothing, and each one's order stays", async () => {
      await using bed = await openBed();
      const seen: string[] = [];
      const write = async (journal: FallbackJournal, writer: string): Promise<void> => {
        for (let n = 0; n < 25; n++) await journal.append(makeEntry(`${writer}-${n}`));
      };
      const drain = async (): Promise<void> => {
        const ids = await idsOf(bed.other);
        seen.push(...ids.filter((id) => !seen.includes(id)));
        await bed.other.remove(ids);
      };
      let writing = true;
      const draining = (async () => {
        while (writing) {
          await drain();
          await Bun.sleep(1);
        }
      })();
      await Promise.all([write(bed.journal, "one"), write(bed.other, "two")]);
      writing = false;
      await draining;
      await drain();
      for (const writer of ["one", "two"]) {
        const expected = Array.from({ length: 25 }, (_, n) => `${writer}-${n}`);
        expect(seen.filter((id) => id.startsWith(writer))).toEqual(expected);
      }
      expect(await idsOf(bed.journal)).toEqual([]);
    });
  });
}
