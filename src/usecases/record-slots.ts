// The slots that a daemon holds, and their records in the state store. A store that cannot be written now loses nothing: what
// was not stored is tried again, in order, until it is.

import { toAppError } from "../domain/error.ts";
import type { ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import type { SlotKey, SlotRecord } from "../domain/schedule/slot-record.ts";
import type { SlotChanges } from "../ports/state-store-schedules.ts";
import type { Deps } from "./deps.ts";

export interface HeldSlot {
  readonly entry: ScheduleEntry;
  record: SlotRecord;
  /** `unclaimed`: the store has not said yet whether it is ours; `lost`: another daemon has it. */
  claim: "unclaimed" | "ours" | "lost";
  /** On the monotonic clock. */
  readonly heldSinceMs: number;
}

export interface SlotBook {
  /** Resolves when the store has answered for all of them, or could not be asked. */
  add(slots: readonly HeldSlot[]): Promise<void>;
  change(slot: HeldSlot, changes: SlotChanges): void;
  /** Tries what is not stored yet. Never throws. */
  flush(): Promise<void>;
  /** The store has not said yet whose it is. */
  isUnclaimed(key: string): boolean;
  readonly unstored: number;
}

/** Beyond this many slots that cannot be stored the oldest skipped ones are forgotten. */
const maxUnstored = 100_000;

/** `onStoreError` hears once of each time that the store is away. */
export function openSlotBook(deps: Pick<Deps, "state">, onStoreError: (message: string) => void): SlotBook {
  let unclaimed: HeldSlot[] = [];
  const unclaimedKeys = new Set<string>();
  const changed = new Set<HeldSlot>();
  let chain: Promise<void> = Promise.resolve();
  let isDown = false;

  async function store(): Promise<void> {
    try {
      if (unclaimed.length > 0) await claimAll();
      for (const slot of changed) {
        if (slot.claim === "unclaimed") continue;
        changed.delete(slot);
        const { status, reason, runId, outcome, startedAt, finishedAt } = slot.record;
        const changes = { status, reason, runId, outcome, startedAt, finishedAt };
        if (slot.claim === "ours")
          await deps.state.updateSlot(slot.record, changes).catch((error: unknown) => {
            changed.add(slot);
            throw error;
          });
      }
      isDown = false;
    } catch (error) {
      if (!isDown) onStoreError(toAppError(error).message);
      isDown = true;
    }
  }

  async function claimAll(): Promise<void> {
    const asked = unclaimed;
    const records = asked.map((slot) => slot.record);
    const ours = new Set((await deps.state.claimSlots(records)).map(keyOf));
    unclaimed = unclaimed.slice(asked.length);
    for (const [index, slot] of asked.entries()) {
      unclaimedKeys.delete(keyOf(slot.record));
      slot.claim = ours.has(keyOf(slot.record)) ? "ours" : "lost";
      // It went on while the store was asked.
      if (slot.record !== records[index]) changed.add(slot);
    }
  }

  function flush(): Promise<void> {
    chain = chain.then(store);
    return chain;
  }

  return {
    add(slots) {
      unclaimed = [...unclaimed, ...slots];
      for (const { record } of slots) unclaimedKeys.add(keyOf(record));
      if (unclaimed.length > maxUnstored) unclaimed = unclaimed.filter(({ record }) => record.status !== "skipped");
      return flush();
    },
    change(slot, changes) {
      slot.record = { ...slot.record, ...changes };
      if (slot.claim === "unclaimed") return;
      changed.add(slot);
      void flush();
    },
    flush,
    isUnclaimed: (key) => unclaimedKeys.has(key),
    get unstored() {
      return unclaimed.length + changed.size;
    },
  };
}

/** One text for each slot, for sets and maps. */
export function keyOf({ project, schedule, slotAt }: SlotKey): string {
  return JSON.stringify([project, schedule, slotAt]);
}
