// The outbox of the state store in memory.

import type { OutboxStore, StoredNotification } from "../../../ports/state-store-outbox.ts";

export interface MemoryOutboxEntry extends StoredNotification {
  readonly holder: string | null;
  readonly leasedUntil: number;
}

export function createMemoryOutbox(entries: Map<string, MemoryOutboxEntry>): OutboxStore {
  const oldestFirst = (): MemoryOutboxEntry[] =>
    [...entries.values()].toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  return {
    async addNotifications(notifications) {
      for (const given of notifications) {
        if (entries.has(given.id)) continue;
        entries.set(given.id, {
          ...structuredClone(given),
          status: "pending",
          attempts: 0,
          nextAttemptAt: given.createdAt,
          settledAt: null,
          lastError: null,
          holder: null,
          leasedUntil: 0,
        });
      }
    },
    async claimNotification({ channel, holder, now, leaseMs, ignoreBackOff, after }) {
      const isPast = ({ createdAt, id }: MemoryOutboxEntry): boolean =>
        after === undefined || createdAt > after.createdAt || (createdAt === after.createdAt && id > after.id);
      const entry = oldestFirst().find((one) => one.status === "pending" && one.channel === channel && isPast(one));
      if (entry === undefined || entry.leasedUntil > now) return undefined;
      if (ignoreBackOff !== true && entry.nextAttemptAt > now) return undefined;
      entries.set(entry.id, { ...entry, holder, leasedUntil: now + leaseMs });
      return toStored(entry);
    },
    async settleNotification(id, holder, outcome) {
      const entry = entries.get(id);
      if (entry === undefined || entry.status !== "pending" || entry.holder !== holder) return false;
      const settled = {
        ...entry,
        attempts: entry.attempts + 1,
        holder: null,
        leasedUntil: 0,
        lastError: outcome.error,
      };
      entries.set(
        id,
        outcome.status === "pending"
          ? { ...settled, nextAttemptAt: outcome.nextAttemptAt }
          : { ...settled, status: outcome.status, settledAt: outcome.at },
      );
      return true;
    },
    async listDueChannels(now) {
      const due = oldestFirst().filter(
        (one) => one.status === "pending" && one.nextAttemptAt <= now && one.leasedUntil <= now,
      );
      return [...new Set(due.map(({ channel }) => channel))].toSorted();
    },
    async listNotifications({ status, channel, limit, offset = 0 }) {
      return oldestFirst()
        .toReversed()
        .filter((one) => (status ?? one.status) === one.status && (channel ?? one.channel) === one.channel)
        .slice(offset, offset + limit)
        .map(toStored);
    },
    async removeNotifications(settledBefore) {
      const old = [...entries.values()].filter(({ settledAt }) => settledAt !== null && settledAt < settledBefore);
      for (const { id } of old) entries.delete(id);
      return old.length;
    },
  };
}

function toStored({ holder: _holder, leasedUntil: _leasedUntil, ...stored }: MemoryOutboxEntry): StoredNotification {
  return structuredClone(stored);
}
