// What every state store must keep about slots of schedules and about alerts. Registers bun tests, as
// state-store.contract.ts does.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Alert } from "../domain/alert/alert.ts";
import type { ScheduleMark, SlotRecord } from "../domain/schedule/slot-record.ts";
import type { StateStoreFixture } from "./state-store.contract.ts";
import { makeRun } from "./state-store-samples.contract.ts";
import type { StateStore } from "./state-store.ts";

const owner = { host: "here", bootId: "boot", pid: 7, startTicks: "99" };
const other = { ...owner, pid: 8 };

export function makeSlot(slotAt: number, more: Partial<SlotRecord> = {}): SlotRecord {
  return {
    project: "shop",
    schedule: "daily",
    slotAt,
    kind: "backup",
    status: "queued",
    reason: null,
    runId: null,
    outcome: null,
    missedSince: null,
    owner,
    recordedAt: slotAt + 5,
    startedAt: null,
    finishedAt: null,
    ...more,
  };
}

function makeMark(more: Partial<ScheduleMark> = {}): ScheduleMark {
  return { project: "shop", schedule: "daily", rule: "0 2 * * * UTC", since: 1_000, judgedUntil: 1_000, ...more };
}

function makeAlert(id: string, more: Partial<Alert> = {}): Alert {
  const condition = { kind: "rpo", project: "shop", subject: "", message: "the newest backup is old" } as const;
  return { id, ...condition, openedAt: 5_000, resolvedAt: null, ...more };
}

export function describeScheduleContract(name: string, open: () => Promise<StateStoreFixture>): void {
  describe(`schedules in the state store: ${name}`, () => {
    let fixture: StateStoreFixture;
    let store: StateStore;
    beforeEach(async () => {
      fixture = await open();
      store = fixture.store;
      await store.migrate();
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });
    const page = { limit: 100 };

    test("a slot comes back as it was claimed", async () => {
      const slot = makeSlot(1_793_240_400_000, {
        project: "naïve 'quoted' 😀",
        schedule: "@retention",
        kind: "prune",
        status: "skipped",
        reason: "it's late",
        missedSince: 1_793_000_000_000,
        startedAt: 3,
        finishedAt: 9_007_199_254_740_991,
      });
      expect(await store.claimSlots([slot])).toEqual([
        { project: slot.project, schedule: slot.schedule, slotAt: slot.slotAt },
      ]);
      expect(await store.listSlots(page)).toEqual([slot]);
    });

    test("a slot is given once, and the first record of it stays", async () => {
      await store.claimSlots([makeSlot(1_000)]);
      const slots = [makeSlot(1_000, { owner: other }), makeSlot(2_000, { owner: other })];
      expect(await store.claimSlots(slots)).toEqual([{ project: "shop", schedule: "daily", slotAt: 2_000 }]);
      expect((await store.listSlots(page)).map((slot) => [slot.slotAt, slot.owner.pid])).toEqual([
        [2_000, 8],
        [1_000, 7],
      ]);
    });

    test("of two that claim the same thousand slots at once each gets what the other does not", async () => {
      await using second = await fixture.reopen();
      const slots = Array.from({ length: 1_000 }, (_, index) => makeSlot(1_000, { project: `p${index}` }));
      const [ours, theirs] = await Promise.all([store.claimSlots(slots), second.claimSlots(slots.toReversed())]);
      const both = [...ours, ...theirs].map(({ project }) => project);
      expect(both).toHaveLength(1_000);
      expect(new Set(both).size).toBe(1_000);
    });

    test("claiming nothing, and saving no mark, is possible", async () => {
      expect(await store.claimSlots([])).toEqual([]);
      await store.saveScheduleMarks([]);
      expect(await store.listScheduleMarks()).toEqual([]);
    });

    test("a mark is added, replaced, and moved on by the slots that are claimed, never back", async () => {
      await store.saveScheduleMarks([makeMark(), makeMark({ schedule: "weekly" })]);
      await store.saveScheduleMarks([makeMark({ rule: "0 3 * * * UTC", since: 2_000, judgedUntil: 2_000 })]);
      await store.claimSlots([makeSlot(5_000), makeSlot(9_000), makeSlot(3_000), makeSlot(7_000, { project: "blog" })]);
      await store.claimSlots([makeSlot(4_000)]);
      const marks = await store.listScheduleMarks();
      expect(marks.toSorted((a, b) => (a.schedule < b.schedule ? -1 : 1))).toEqual([
        makeMark({ rule: "0 3 * * * UTC", since: 2_000, judgedUntil: 9_000 }),
        makeMark({ schedule: "weekly" }),
      ]);
    });

    test("a slot changes until it has ended", async () => {
      await store.claimSlots([makeSlot(1_000)]);
      const key = { project: "shop", schedule: "daily", slotAt: 1_000 };
      await store.updateSlot(key, { status: "running", runId: "r1", startedAt: 1_100 });
      await store.updateSlot(key, {});
      await store.updateSlot(key, { status: "done", outcome: "failed", finishedAt: 1_200 });
      await store.updateSlot(key, { status: "queued", runId: "r2" });
      await store.updateSlot({ ...key, slotAt: 77 }, { status: "running" });
      expect(await store.listSlots(page)).toEqual([
        makeSlot(1_000, { status: "done", runId: "r1", startedAt: 1_100, finishedAt: 1_200, outcome: "failed" }),
      ]);
    });

    test("a slot of somebody who died is taken over by exactly one", async () => {
      await store.claimSlots([makeSlot(1_000), makeSlot(2_000, { status: "skipped" })]);
      const key = { project: "shop", schedule: "daily", slotAt: 1_000 };
      await using second = await fixture.reopen();
      const third = { ...owner, pid: 9 };
      const taken = await Promise.all([store.takeOverSlot(key, owner, other), second.takeOverSlot(key, owner, third)]);
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await store.takeOverSlot({ ...key, slotAt: 2_000 }, owner, other)).toBe(false);
    });

    test("slots are listed by project, schedule, status and time, a page at a time", async () => {
      await store.claimSlots([
        makeSlot(1_000, { status: "skipped" }),
        makeSlot(2_000, { status: "running" }),
        makeSlot(3_000, { schedule: "weekly" }),
        makeSlot(4_000, { project: "blog" }),
      ]);
      const times = async (filter: Parameters<StateStore["listSlots"]>[0]): Promise<number[]> =>
        (await store.listSlots(filter)).map(({ slotAt }) => slotAt);
      expect(await times({ ...page, project: "shop" })).toEqual([3_000, 2_000, 1_000]);
      expect(await times({ ...page, project: "shop", schedule: "daily" })).toEqual([2_000, 1_000]);
      expect(await times({ ...page, status: ["queued", "running"] })).toEqual([4_000, 3_000, 2_000]);
      expect(await times({ ...page, status: [] })).toEqual([]);
      expect(await times({ ...page, since: 3_000 })).toEqual([4_000, 3_000]);
      expect(await times({ limit: 2, offset: 1 })).toEqual([3_000, 2_000]);
    });

    test("old slots are deleted when they have ended", async () => {
      await store.claimSlots([
        makeSlot(1_000),
        makeSlot(2_000, { status: "done" }),
        makeSlot(3_000, { status: "skipped" }),
        makeSlot(4_000, { status: "done" }),
      ]);
      expect(await store.deleteSlotsBefore(4_000)).toBe(2);
      expect((await store.listSlots(page)).map(({ slotAt }) => slotAt)).toEqual([4_000, 1_000]);
    });

    test("an alert stands once until it is resolved, and can then stand again", async () => {
      expect(await store.openAlert(makeAlert("a1"))).toBe(true);
      expect(await store.openAlert(makeAlert("a2", { message: "in other words" }))).toBe(false);
      expect(await store.openAlert(makeAlert("a3", { subject: "weekly" }))).toBe(true);
      expect(await store.resolveAlert("a1", 6_000)).toBe(true);
      expect(await store.resolveAlert("a1", 7_000)).toBe(false);
      expect(await store.resolveAlert("a2", 7_000)).toBe(false);
      expect(await store.openAlert(makeAlert("a4", { openedAt: 8_000 }))).toBe(true);
      expect(await store.listAlerts({ ...page })).toEqual([
        makeAlert("a4", { openedAt: 8_000 }),
        makeAlert("a3", { subject: "weekly" }),
        makeAlert("a1", { resolvedAt: 6_000 }),
      ]);
      expect((await store.listAlerts({ ...page, open: true, project: "shop" })).map(({ id }) => id)).toEqual([
        "a4",
        "a3",
      ]);
      expect((await store.listAlerts({ ...page, open: false })).map(({ id }) => id)).toEqual(["a1"]);
      expect(await store.listAlerts({ ...page, project: "blog" })).toEqual([]);
    });

    test("of two that open one alert at once exactly one does", async () => {
      await using second = await fixture.reopen();
      const opened = await Promise.all([store.openAlert(makeAlert("a1")), second.openAlert(makeAlert("a2"))]);
      expect(opened.filter(Boolean)).toHaveLength(1);
    });

    test("the newest success of every project is found among failures and other kinds", async () => {
      await store.createRun(makeRun("s1", { createdAt: 1_000, startedAt: 1_001, status: "succeeded" }));
      await store.createRun(makeRun("s2", { createdAt: 2_000, startedAt: null, status: "succeeded" }));
      await store.createRun(makeRun("s3", { createdAt: 3_000, status: "failed" }));
      await store.createRun(makeRun("s4", { createdAt: 4_000, status: "succeeded", kind: "prune" }));
      await store.createRun(makeRun("b1", { createdAt: 500, startedAt: 501, status: "succeeded", project: "blog" }));
      // What a restore was about to replace is no new backup.
      await store.createRun(makeRun("s5", { createdAt: 5_000, status: "succeeded", trigger: "safety" }));
      const found = await store.listNewestSuccesses("backup");
      expect(found.toSorted((a, b) => a.startedAt - b.startedAt)).toEqual([
        { project: "blog", runId: "b1", startedAt: 501 },
        { project: "shop", runId: "s2", startedAt: 2_000 },
      ]);
    });
  });
}
