// What was kept while the state store was down goes to it, in order, each entry once. Stops at the first entry that the
// store cannot take now; what it can never take is set aside with the reason.

import type { AuditWrite } from "../domain/run/audit-write.ts";
import type { JournalEntry } from "../ports/fallback-journal.ts";
import type { ReplayOutcome } from "../ports/state-store-recovery.ts";
import type { Deps } from "./deps.ts";
import { notificationOf } from "./send-from-journal.ts";

export interface ReplayReport {
  readonly replayed: number;
  /** What the store can never take, by the reason. */
  readonly rejected: readonly string[];
  readonly damagedLines: number;
}

/** Entries leave the journal in groups: a crash in between replays at most so many again, which changes nothing. */
const entriesPerRemoval = 200;

/** Throws `state_failed` when the store is still down; what was done until then is out of the journal. */
export async function replayJournal(deps: Pick<Deps, "state" | "journal" | "reach">): Promise<ReplayReport> {
  const { entries, damaged } = await deps.journal.read();
  const rejected: string[] = [];
  let done: string[] = [];
  let replayed = 0;
  try {
    for (const entry of entries) {
      const outcome = await replayEntry(deps, entry);
      if (outcome.status === "refused") {
        rejected.push(outcome.reason);
        await deps.journal.reject(entry, outcome.reason);
        continue;
      }
      if (outcome.status === "stored") deps.reach("replay.entry_stored");
      done.push(entry.id);
      replayed += 1;
      if (done.length < entriesPerRemoval) continue;
      await deps.journal.remove(done);
      done = [];
    }
  } finally {
    await deps.journal.remove(done);
  }
  return { replayed, rejected, damagedLines: damaged };
}

async function replayEntry({ state }: Pick<Deps, "state">, entry: JournalEntry): Promise<ReplayOutcome> {
  if (typeof entry.payload !== "object" || entry.payload === null) {
    return { status: "refused", reason: `the payload of ${entry.id} is no object` };
  }
  if (entry.type === "audit") return state.replay({ id: entry.id, write: entry.payload as AuditWrite });
  const notification = notificationOf(entry);
  if (notification === undefined) return { status: "refused", reason: `the payload of ${entry.id} is no notification` };
  await state.addNotifications([notification]);
  return { status: "stored" };
}
