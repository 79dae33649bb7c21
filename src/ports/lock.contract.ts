// The suite every lock passes.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { Lock } from "./lock.ts";

export interface LockSubject extends AsyncDisposable {
  readonly lock: Lock;
  /** The same place as another process sees it. */
  readonly other: Lock;
  /** Leaves the name locked by an owner that is provably dead. */
  leaveByDeadOwner(name: string): Promise<void>;
  /** Leaves the name locked by an owner on another host. */
  leaveByForeignOwner(name: string): Promise<void>;
}

export function describeLockContract(name: string, open: () => Promise<LockSubject>): void {
  describe(`lock contract: ${name}`, () => {
    let subject: LockSubject;
    let serial = 0;
    const fresh = (): string => `project-${++serial}`;
    const never = new AbortController().signal;

    beforeAll(async () => {
      subject = await open();
    });
    afterAll(() => subject[Symbol.asyncDispose]());

    async function refusalOf(attempt: Promise<unknown>): Promise<AppError> {
      const error = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(AppError);
      return error as AppError;
    }

    test("a second holder is refused, and the refusal says who holds it", async () => {
      const project = fresh();
      const startedAt = Date.now();
      await using held = await subject.lock.acquire(project, "backup");
      expect(held.name).toBe(project);
      for (const lock of [subject.lock, subject.other]) {
        const error = await refusalOf(lock.acquire(project, "prune"));
        expect(error.code).toBe("lock_held");
        expect(error.message).toContain(`${project} is locked by backup (pid ${process.pid} on `);
        expect(error.details["holder"]).toMatchObject({ purpose: "backup", owner: { pid: process.pid } });
        const holder = await lock.findHolder(project);
        expect(holder).toEqual(error.details["holder"] as typeof holder);
        expect(holder!.since).toBeGreaterThanOrEqual(startedAt - 1000);
        expect(holder!.since).toBeLessThanOrEqual(Date.now());
      }
    });

    test("what was released can be acquired again, and releasing twice changes nothing", async () => {
      const project = fresh();
      const first = await subject.lock.acquire(project, "backup");
      await first[Symbol.asyncDispose]();
      expect(await subject.lock.findHolder(project)).toBeUndefined();
      await using _second = await subject.other.acquire(project, "restore");
      await first[Symbol.asyncDispose]();
      expect((await subject.lock.findHolder(project))?.purpose).toBe("restore");
    });

    test("names do not disturb each other", async () => {
      const [a, b] = [fresh(), fresh()];
      await using _a = await subject.lock.acquire(a, "backup");
      await using _b = await subject.lock.acquire(b, "backup");
      expect(await subject.lock.findHolder(fresh())).toBeUndefined();
    });

    test("of many that try at once one succeeds", async () => {
      const project = fresh();
      const attempts = Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? subject.lock : subject.other).acquire(project, `attempt ${index}`),
      );
      const results = await Promise.allSettled(attempts);
      const winners = results.filter((result) => result.status === "fulfilled");
      expect(winners.length).toBe(1);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "lock_held" });
      }
      await winners[0]!.value[Symbol.asyncDispose]();
    });

    test("those who wait get it one after the other, in one process in the order of asking", async () => {
      const project = fresh();
      const order: string[] = [];
      let inside = 0;
      const work = async (lock: Lock, who: string): Promise<void> => {
        await using _held = await lock.acquireOrWait(project, who, never);
        expect(++inside).toBe(1);
        order.push(who);
        await Bun.sleep(3);
        inside--;
      };
      const first = await subject.lock.acquire(project, "first");
      const waiting = ["a", "b", "c", "d"].map((who) => work(subject.lock, who));
      const elsewhere = [1, 2, 3].map((index) => work(subject.other, `other ${index}`));
      await Bun.sleep(50);
      expect(order).toEqual([]);
      await first[Symbol.asyncDispose]();
      await Promise.all([...waiting, ...elsewhere]);
      expect(order.filter((who) => !who.startsWith("other"))).toEqual(["a", "b", "c", "d"]);
      expect(order.length).toBe(7);
    });

    test("waiting ends with the signal's reason, and those behind still get their turn", async () => {
      const project = fresh();
      const held = await subject.lock.acquire(project, "backup");
      const [first, second] = [new AbortController(), new AbortController()];
      const firstWait = subject.lock.acquireOrWait(project, "first", first.signal);
      const secondWait = subject.lock.acquireOrWait(project, "second", second.signal);
      const third = subject.lock.acquireOrWait(project, "third", never);
      second.abort(new Error("second gives up"));
      await expect(secondWait).rejects.toThrow("second gives up");
      first.abort(new Error("first gives up"));
      await expect(firstWait).rejects.toThrow("first gives up");
      await expect(subject.lock.acquireOrWait(project, "late", first.signal)).rejects.toThrow("first gives up");
      expect((await subject.other.findHolder(project))?.purpose).toBe("backup");
      await held[Symbol.asyncDispose]();
      await using _third = await third;
      expect((await subject.other.findHolder(project))?.purpose).toBe("third");
    });

    test("a dead owner's lock is no lock", async () => {
      const project = fresh();
      await subject.leaveByDeadOwner(project);
      expect(await subject.lock.findHolder(project)).toBeUndefined();
      expect((await subject.other.findDead(project))?.purpose).toBe("backup");
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? subject.lock : subject.other).acquire(project, "backup"),
        ),
      );
      const winners = results.filter((result) => result.status === "fulfilled");
      expect(winners.length).toBe(1);
      expect((await subject.other.findHolder(project))?.owner.pid).toBe(process.pid);
      expect(await subject.other.findDead(project)).toBeUndefined();
      await winners[0]!.value[Symbol.asyncDispose]();
      expect(await subject.lock.findHolder(project)).toBeUndefined();
    });

    test("the lock of an owner on another host stays", async () => {
      const project = fresh();
      await subject.leaveByForeignOwner(project);
      const error = await refusalOf(subject.lock.acquire(project, "backup"));
      expect(error.code).toBe("lock_held");
      expect(error.message).toContain("on elsewhere");
      const waiting = subject.lock.acquireOrWait(project, "backup", AbortSignal.timeout(60));
      await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
      expect((await subject.lock.findHolder(project))?.owner.host).toBe("elsewhere");
    });
  });
}
