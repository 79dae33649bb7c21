// What could not be stored because the state store was down, kept on the local disk until it can be replayed.
//
// Promises of every adapter (fallback-journal.contract.ts proves them):
// - `append` resolves when the entries are durable, all in the order given. Entries of several processes do not tear each other.
// - `read` gives whole entries, oldest first, each id once; what a crash left of a last entry is skipped and counted.
// - `remove` takes away only the ids given: what was appended in the meantime stays. Killed in between, nothing is lost
//   (an entry that is replayed twice must therefore be harmless: its id tells).
// - `reject` takes an entry out of the replay, but keeps it for people with the reason.
// - Nothing is ever removed by `read` or `append`. A disk that cannot be written: `state_failed` or `disk_full`.

export interface JournalEntry {
  /** Unique; replaying goes by it. */
  readonly id: string;
  readonly type: "audit" | "notification";
  /** JSON. No secrets. */
  readonly payload: unknown;
  readonly timestamp: number; // epoch ms
}

export interface JournalContents {
  readonly entries: readonly JournalEntry[];
  /** Lines that are no entries. */
  readonly damaged: number;
}

export interface FallbackJournal {
  readonly location: string;
  append(...entries: readonly JournalEntry[]): Promise<void>;
  read(): Promise<JournalContents>;
  remove(ids: readonly string[]): Promise<void>;
  reject(entry: JournalEntry, reason: string): Promise<void>;
}
