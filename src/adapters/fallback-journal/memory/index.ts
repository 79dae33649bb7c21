// The fallback journal of tests: an array, with the same promises as the file.

import type { FallbackJournal, JournalEntry } from "../../../ports/fallback-journal.ts";

export interface MemoryJournal {
  entries: JournalEntry[];
  readonly rejected: { readonly entry: JournalEntry; readonly reason: string }[];
}

export function createMemoryJournal(): MemoryJournal {
  return { entries: [], rejected: [] };
}

export function openMemoryJournal(content: MemoryJournal = createMemoryJournal()): FallbackJournal {
  const remove = (ids: readonly string[]): void => {
    content.entries = content.entries.filter((entry) => !ids.includes(entry.id));
  };
  return {
    location: "memory",
    async append(...entries) {
      content.entries.push(...structuredClone(entries));
    },
    async read() {
      const first = content.entries.filter(
        (entry, index) => content.entries.findIndex(({ id }) => id === entry.id) === index,
      );
      return { entries: structuredClone(first), damaged: 0 };
    },
    async remove(ids) {
      remove(ids);
    },
    async reject(entry, reason) {
      content.rejected.push({ entry: structuredClone(entry), reason });
      remove([entry.id]);
    },
  };
}
