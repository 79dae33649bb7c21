// Slots, marks and alerts of the memory store.

import { alertKey, type Alert } from "../../../domain/alert/alert.ts";
import type { Run } from "../../../domain/run/run.ts";
import type { ScheduleMark, SlotKey, SlotRecord } from "../../../domain/schedule/slot-record.ts";
import type { AlertStore } from "../../../ports/state-store-alerts.ts";
import type { ScheduleStore } from "../../../ports/state-store-schedules.ts";

export interface MemorySchedules {
  readonly marks: Map<string, ScheduleMark>;
  readonly slots: Map<string, SlotRecord>;
  readonly alerts: Map<string, Alert>;
}

export function createMemorySchedules(): MemorySchedules {
  return { marks: new Map(), slots: new Map(), alerts: new Map() };
}

export function memoryScheduleStore({ marks, slots }: MemorySchedules): ScheduleStore {
  const isOpen = ({ status }: SlotRecord): boolean => status === "queued" || status === "running";
  const newestFirst = (a: SlotRecord, b: SlotRecord): number => b.slotAt - a.slotAt || b.recordedAt - a.recordedAt;
  return {
    async listScheduleMarks() {
      return structuredClone([...marks.values()]);
    },
    async saveScheduleMarks(saved) {
      for (const mark of saved) marks.set(markKey(mark), structuredClone(mark));
    },
    async claimSlots(wanted) {
      const claimed: SlotKey[] = [];
      for (const slot of wanted) {
        const mark = marks.get(markKey(slot));
        if (mark !== undefined && mark.judgedUntil < slot.slotAt)
          marks.set(markKey(slot), { ...mark, judgedUntil: slot.slotAt });
        if (slots.has(slotKey(slot))) continue;
        slots.set(slotKey(slot), structuredClone(slot));
        claimed.push({ project: slot.project, schedule: slot.schedule, slotAt: slot.slotAt });
      }
      return claimed;
    },
    async updateSlot(key, changes) {
      const slot = slots.get(slotKey(key));
      if (slot === undefined || !isOpen(slot)) return;
      const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
      slots.set(slotKey(key), { ...slot, ...given });
    },
    async takeOverSlot(key, from, to) {
      const slot = slots.get(slotKey(key));
      if (slot === undefined || !isOpen(slot) || JSON.stringify(slot.owner) !== JSON.stringify(from)) return false;
      slots.set(slotKey(key), { ...slot, owner: to });
      return true;
    },
    async listSlots({ project, schedule, status, since, limit, offset = 0 }) {
      const wanted = [...slots.values()].filter(
        (slot) =>
          (project === undefined || slot.project === project) &&
          (schedule === undefined || slot.schedule === schedule) &&
          (status === undefined || status.includes(slot.status)) &&
          (since === undefined || slot.slotAt >= since),
      );
      return structuredClone(wanted.toSorted(newestFirst).slice(offset, offset + limit));
    },
    async deleteSlotsBefore(slotAt) {
      const old = [...slots].filter(([, slot]) => slot.slotAt < slotAt && !isOpen(slot));
      for (const [key] of old) slots.delete(key);
      return old.length;
    },
  };
}

export function memoryAlertStore({ alerts }: MemorySchedules, runs: ReadonlyMap<string, Run>): AlertStore {
  return {
    async openAlert(alert) {
      const standing = [...alerts.values()].filter(({ resolvedAt }) => resolvedAt === null);
      if (standing.some((other) => alertKey(other) === alertKey(alert))) return false;
      alerts.set(alert.id, structuredClone(alert));
      return true;
    },
    async resolveAlert(id, at) {
      const alert = alerts.get(id);
      if (alert === undefined || alert.resolvedAt !== null) return false;
      alerts.set(id, { ...alert, resolvedAt: at });
      return true;
    },
    async listAlerts({ project, open, limit, offset = 0 }) {
      const wanted = [...alerts.values()].filter(
        (alert) =>
          (project === undefined || alert.project === project) &&
          (open === undefined || (alert.resolvedAt === null) === open),
      );
      const sorted = wanted.toSorted((a, b) => b.openedAt - a.openedAt || (a.id < b.id ? 1 : -1));
      return structuredClone(sorted.slice(offset, offset + limit));
    },
    async listNewestSuccesses(kind) {
      const newest = new Map<string, Run>();
      for (const run of runs.values()) {
        if (run.kind !== kind || run.status !== "succeeded" || run.trigger === "safety") continue;
        if ((newest.get(run.project)?.createdAt ?? Number.NEGATIVE_INFINITY) < run.createdAt)
          newest.set(run.project, run);
      }
      return [...newest.values()].map(({ id, project, createdAt, startedAt }) => {
        return { project, runId: id, startedAt: startedAt ?? createdAt };
      });
    },
  };
}

function markKey({ project, schedule }: Pick<SlotKey, "project" | "schedule">): string {
  return JSON.stringify([project, schedule]);
}

function slotKey({ project, schedule, slotAt }: SlotKey): string {
  return JSON.stringify([project, schedule, slotAt]);
}
