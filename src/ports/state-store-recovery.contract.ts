// What every state store promises of kept writes and dead runs. Registers bun tests, on the fixture of
// state-store.contract.ts.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { AuditWrite } from "../domain/run/audit-write.ts";
import type { LogLine, RunError } from "../domain/run/run.ts";
import type { StateStoreFixture } from "./state-store.contract.ts";
import { makeBackup, makeRun, makeVerification } from "./state-store-samples.contract.ts";
import type { StateStore } from "./state-store.ts";

const start = 1_700_000_000_000;
const crash: RunError = { code: "internal", stage: "crash_recovery", message: "the process died", hint: null };

export function describeRecoveryContract(name: string, open: () => Promise<StateStoreFixture>): void {
  describe(`recovery contract: ${name}`, () => {
    let fixture: StateStoreFixture;
    let store: StateStore;
    let serial = 0;
    beforeEach(async () => {
      fixture = await open();
      store = fixture.store;
      await store.migrate();
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    const line = (message: string): LogLine => ({ at: start, level: "info", message, stage: "dump" });
    const replay = (write: AuditWrite) => store.replay({ id: `entry-${++serial}`, write });
    const messages = async (runId: string): Promise<readonly string[]> =>
      (await store.listLog(runId, { limit: 100, afterSeq: 0 })).map(({ message }) => message);

    test("a whole run that was kept gives the rows that it would have given", async () => {
      const run = makeRun("r1", { startedAt: start });
      const record = {
        stage: "dump",
        startedAt: start,
        finishedAt: start + 5,
        outcome: "succeeded",
        message: null,
      } as const;
      const finished = {
        status: "succeeded",
        finishedAt: start + 9,
        bytes: 77,
        result: { a: [1] },
        stage: null,
      } as const;
      for (const write of [
        { op: "createRun", run },
        { op: "saveStage", runId: "r1", record: { ...record, finishedAt: null, outcome: "running" } },
        { op: "updateRun", id: "r1", changes: { stage: "dump", backupId: "b1" } },
        { op: "appendLog", runId: "r1", firstSeq: 1, lines: [line("one"), line("two")] },
        { op: "saveStage", runId: "r1", record },
        { op: "saveBackup", backup: makeBackup("b1") },
        { op: "saveVerification", backupId: "b1", verification: makeVerification(5) },
        { op: "savePin", backupId: "b1", pinned: true },
        { op: "removeBackupFromStorage", backupId: "b1", storage: "offsite" },
        { op: "updateRun", id: "r1", changes: finished },
      ] satisfies AuditWrite[]) {
        expect(await replay(write)).toEqual({ status: "stored" });
      }
      expect(await store.findRun("r1")).toEqual({ ...run, backupId: "b1", ...finished });
      expect(await store.listStages("r1")).toEqual([record]);
      expect(await messages("r1")).toEqual(["one", "two"]);
      expect(await store.findBackup("shop", "b1")).toEqual(
        makeBackup("b1", { pinned: true, storages: ["local"], verification: makeVerification(5) }),
      );
    });

    test("an entry is done once, also by two who replay at the same time", async () => {
      await store.createRun(makeRun("r1"));
      const kept = { id: "same", write: { op: "appendLog", runId: "r1", firstSeq: 1, lines: [line("one")] } } as const;
      await using other = await fixture.reopen();
      const outcomes = await Promise.all([store.replay(kept), other.replay(kept), store.replay(kept)]);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["known", "known", "stored"]);
      expect(await messages("r1")).toEqual(["one"]);
    });

    test("what had reached the store before the failure was noticed is not done twice", async () => {
      await store.createRun(makeRun("r1", { bytes: 3 }));
      await store.appendLog("r1", [line("one"), line("two")]);
      await replay({ op: "createRun", run: makeRun("r1") });
      await replay({ op: "appendLog", runId: "r1", firstSeq: 1, lines: [line("one"), line("two")] });
      await replay({ op: "appendLog", runId: "r1", firstSeq: 2, lines: [line("two"), line("three")] });
      expect(await messages("r1")).toEqual(["one", "two", "three"]);
      expect((await store.findRun("r1"))?.bytes).toBe(3);
      await store.updateRun("r1", { status: "succeeded", finishedAt: 9 });
      expect(await replay({ op: "updateRun", id: "r1", changes: { status: "succeeded", finishedAt: 9 } })).toEqual({
        status: "stored",
      });
      expect(await replay({ op: "updateRun", id: "r1", changes: { bytes: 8 } })).toEqual({ status: "stored" });
      expect((await store.findRun("r1"))?.bytes).toBe(3);
    });

    test("what the store can never take is refused, and nothing of it is stored", async () => {
      expect(await replay({ op: "updateRun", id: "nobody", changes: { bytes: 1 } })).toMatchObject({
        status: "refused",
        reason: expect.stringContaining("nobody") as string,
      });
      const orphan = { op: "appendLog", runId: "nobody", firstSeq: 1, lines: [line("x")] } as const;
      expect((await replay(orphan)).status).toBe("refused");
      expect((await replay({ op: "dropEverything" } as unknown as AuditWrite)).status).toBe("refused");
      // Not taken for done: when the run is there after all, it can be stored.
      const kept = { id: "later", write: orphan };
      expect((await store.replay(kept)).status).toBe("refused");
      await store.createRun(makeRun("nobody"));
      expect((await store.replay(kept)).status).toBe("stored");
    });

    test("results and pins of a backup that is gone are nothing to keep", async () => {
      expect((await replay({ op: "savePin", backupId: "gone", pinned: true })).status).toBe("stored");
      const verification = makeVerification(1);
      expect((await replay({ op: "saveVerification", backupId: "gone", verification })).status).toBe("stored");
    });

    test("text with characters that a database may not hold is stored all the same", async () => {
      const odd = "nul \0, lone \ud800, quote '";
      await store.createRun(makeRun("r1"));
      expect((await replay({ op: "appendLog", runId: "r1", firstSeq: 1, lines: [line(odd)] })).status).toBe("stored");
      const error = { code: "internal", stage: "dump", message: odd, hint: odd } as const;
      const changes = { status: "failed", error, warnings: [odd], result: { odd } } as const;
      expect((await replay({ op: "updateRun", id: "r1", changes })).status).toBe("stored");
      expect((await messages("r1"))[0]).toStartWith("nul ");
    });

    test("a run is declared dead once, and only when it has not ended", async () => {
      await store.createRun(makeRun("r1"));
      await store.createRun(makeRun("r2"));
      await store.updateRun("r2", { status: "succeeded", finishedAt: 1 });
      await using other = await fixture.reopen();
      const failure = { at: start + 60_000, error: crash };
      const won = await Promise.all([store.failDeadRun("r1", failure), other.failDeadRun("r1", failure)]);
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await store.failDeadRun("r2", failure)).toBe(false);
      expect(await store.failDeadRun("nobody", failure)).toBe(false);
      expect(await store.findRun("r1")).toEqual(
        makeRun("r1", { status: "failed", finishedAt: start + 60_000, error: crash }),
      );
      expect((await store.findRun("r2"))?.status).toBe("succeeded");
    });

    test("a run that was taken for dead gets its true end from the journal", async () => {
      await store.createRun(makeRun("r1"));
      await store.failDeadRun("r1", { at: start + 1, error: crash });
      expect((await replay({ op: "updateRun", id: "r1", changes: { bytes: 4 } })).status).toBe("stored");
      expect((await store.findRun("r1"))?.status).toBe("failed");
      await replay({ op: "updateRun", id: "r1", changes: { status: "succeeded", finishedAt: start + 2, error: null } });
      expect(await store.findRun("r1")).toMatchObject({ status: "succeeded", error: null, finishedAt: start + 2 });
    });
  });
}
