import { describeFallbackJournalContract } from "../../../ports/fallback-journal.contract.ts";
import { createMemoryJournal, openMemoryJournal } from "./index.ts";

describeFallbackJournalContract("in memory", async () => {
  const content = createMemoryJournal();
  return {
    journal: openMemoryJournal(content),
    other: openMemoryJournal(content),
    async [Symbol.asyncDispose]() {},
  };
});
