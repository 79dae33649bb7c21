// What every state store promises of its outbox. Registers bun tests, on the fixture of state-store.contract.ts.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Notice } from "../domain/notification/notice.ts";
import type { StateStoreFixture } from "./state-store.contract.ts";
import type { NewNotification, NotificationClaim } from "./state-store-outbox.ts";
import type { StateStore } from "./state-store.ts";

const start = 1_700_000_000_000;

function makeNotification(id: string, more: Partial<NewNotification> = {}): NewNotification {
  const notice: Notice = {
    id,
    event: "backup_failed",
    project: "shop",
    subject: "shop/backup",
    text: `❌ ${id} — ünï'cödé "quoted"\nsecond line`,
    data: { run_id: id, nested: { list: [1, null, "x"] } },
  };
  return { id, channel: "*/ops", notice, createdAt: start, ...more };
}

const claim = (more: Partial<NotificationClaim> = {}): NotificationClaim => ({
  channel: "*/ops",
  holder: "me",
  now: start,
  leaseMs: 60_000,
  ...more,
});

export function describeOutboxContract(name: string, open: () => Promise<StateStoreFixture>): void {
  describe(`outbox contract: ${name}`, () => {
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
    const ids = async (status?: "pending" | "sent" | "given_up"): Promise<readonly string[]> =>
      (await store.listNotifications({ limit: 100, ...(status === undefined ? {} : { status }) })).map(({ id }) => id);

    test("what is added comes back as it was, also to another opening", async () => {
      const given = makeNotification("a");
      await store.addNotifications([given]);
      const other = await fixture.reopen();
      expect(await other.listNotifications({ limit: 10 })).toEqual([
        { ...given, status: "pending", attempts: 0, nextAttemptAt: start, settledAt: null, lastError: null },
      ]);
      await other[Symbol.asyncDispose]();
      await store.addNotifications([]);
    });

    test("an id is added once, also when it was sent long ago", async () => {
      await store.addNotifications([makeNotification("a"), makeNotification("a", { channel: "other" })]);
      await store.claimNotification(claim());
      await store.settleNotification("a", "me", { status: "sent", at: start, error: null });
      await store.addNotifications([makeNotification("a"), makeNotification("b")]);
      expect(await ids("sent")).toEqual(["a"]);
      expect(await ids("pending")).toEqual(["b"]);
    });

    test("many are added at once", async () => {
      const many = Array.from({ length: 1_001 }, (_, index) => makeNotification(`n${String(index).padStart(4, "0")}`));
      await store.addNotifications(many);
      expect((await store.listNotifications({ limit: 2_000 })).length).toBe(1_001);
      expect((await store.listNotifications({ limit: 2, offset: 1 })).map(({ id }) => id)).toEqual(["n0999", "n0998"]);
    });

    test("a channel's messages are claimed one after the other, in their order", async () => {
      await store.addNotifications([
        makeNotification("late", { createdAt: start + 1 }),
        makeNotification("b"),
        makeNotification("a"),
        makeNotification("else", { channel: "shop/mine" }),
      ]);
      for (const id of ["a", "b", "late"]) {
        expect(await store.claimNotification(claim({ now: start + 5 }))).toMatchObject({ id, channel: "*/ops" });
        expect(await store.claimNotification(claim({ now: start + 5, holder: "you" }))).toBeUndefined();
        expect(await store.settleNotification(id, "me", { status: "sent", at: start + 5, error: null })).toBe(true);
      }
      expect(await store.claimNotification(claim({ now: start + 5 }))).toBeUndefined();
      expect(await store.claimNotification(claim({ channel: "shop/mine" }))).toMatchObject({ id: "else" });
    });

    test("of many who claim at once one gets it", async () => {
      await store.addNotifications([makeNotification("a")]);
      const other = await fixture.reopen();
      const holders = Array.from({ length: 8 }, (_, index) => `holder ${index}`);
      const claims = await Promise.all(
        holders.map((holder, index) => (index % 2 === 0 ? store : other).claimNotification(claim({ holder }))),
      );
      expect(claims.filter((claimed) => claimed !== undefined).length).toBe(1);
      await other[Symbol.asyncDispose]();
    });

    test("who died with a claim loses it at the end of the lease, and cannot settle it any more", async () => {
      await store.addNotifications([makeNotification("a")]);
      await store.claimNotification(claim({ holder: "dead" }));
      expect(await store.claimNotification(claim({ now: start + 59_999 }))).toBeUndefined();
      expect(await store.listDueChannels(start + 59_999)).toEqual([]);
      expect(await store.claimNotification(claim({ now: start + 60_000 }))).toMatchObject({ id: "a" });
      expect(await store.settleNotification("a", "dead", { status: "sent", at: start, error: null })).toBe(false);
      expect(await ids("pending")).toEqual(["a"]);
      expect(await store.settleNotification("a", "me", { status: "sent", at: start, error: null })).toBe(true);
      expect(await store.settleNotification("a", "me", { status: "sent", at: start, error: null })).toBe(false);
    });

    test("a failed attempt is counted, and the next one waits until it is due, unless it is hurried", async () => {
      await store.addNotifications([makeNotification("a"), makeNotification("b")]);
      await store.claimNotification(claim());
      await store.settleNotification("a", "me", {
        status: "pending",
        nextAttemptAt: start + 1_000,
        error: "no answer",
      });
      expect(await store.claimNotification(claim({ now: start + 999 }))).toBeUndefined();
      const hurried = await store.claimNotification(claim({ now: start + 999, ignoreBackOff: true }));
      expect(hurried).toMatchObject({ id: "a", attempts: 1, lastError: "no answer", nextAttemptAt: start + 1_000 });
      await store.settleNotification("a", "me", { status: "given_up", at: start + 999, error: "still none" });
      expect((await store.listNotifications({ limit: 1, status: "given_up" }))[0]).toMatchObject({
        attempts: 2,
        settledAt: start + 999,
        lastError: "still none",
      });
      expect(await store.claimNotification(claim())).toMatchObject({ id: "b" });
    });

    test("a message that nobody takes can be passed over", async () => {
      await store.addNotifications([
        makeNotification("a"),
        makeNotification("b"),
        makeNotification("c", { createdAt: start + 1 }),
      ]);
      const next = claim({ now: start + 1 });
      expect(await store.claimNotification({ ...next, after: { id: "a", createdAt: start } })).toMatchObject({
        id: "b",
      });
      expect(await store.claimNotification({ ...next, after: { id: "b", createdAt: start } })).toMatchObject({
        id: "c",
      });
      expect(await store.claimNotification({ ...next, after: { id: "c", createdAt: start + 1 } })).toBeUndefined();
    });

    test("channels are due when their messages are", async () => {
      await store.addNotifications([
        makeNotification("a"),
        makeNotification("b", { channel: "shop/mine" }),
        makeNotification("c", { channel: "blog/later", createdAt: start + 10 }),
      ]);
      expect(await store.listDueChannels(start)).toEqual(["*/ops", "shop/mine"]);
      await store.claimNotification(claim());
      expect(await store.listDueChannels(start + 10)).toEqual(["blog/later", "shop/mine"]);
    });

    test("what was settled long ago is forgotten, what waits never", async () => {
      await store.addNotifications([makeNotification("a"), makeNotification("b")]);
      await store.claimNotification(claim());
      await store.settleNotification("a", "me", { status: "sent", at: start, error: null });
      expect(await store.removeNotifications(start)).toBe(0);
      expect(await store.removeNotifications(start + 1)).toBe(1);
      expect(await ids()).toEqual(["b"]);
      expect(await store.listNotifications({ limit: 5, channel: "none" })).toEqual([]);
    });
  });
}
