// What every state store must keep. Registers bun tests; the factory gives an empty store that is not migrated yet,
// and `reopen` a second, independent opening of the same data.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { AppError } from "../domain/error.ts";
import type { LogLine } from "../domain/run/run.ts";
import { makeBackup, makeRun, makeVerification } from "./state-store-samples.contract.ts";
import type { StateStore } from "./state-store.ts";

export interface StateStoreFixture extends AsyncDisposable {
  readonly store: StateStore;
  reopen(): Promise<StateStore>;
}

const line = (message: string, level: LogLine["level"] = "info"): LogLine => ({
  at: 1_700_000_000_000,
  level,
  message,
  stage: "dump",
});

export function describeStateStoreContract(name: string, open: () => Promise<StateStoreFixture>): void {
  describe(`state store contract: ${name}`, () => {
    let fixture: StateStoreFixture;
    let store: StateStore;
    beforeEach(async () => {
      fixture = await open();
      store = fixture.store;
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    describe("schema", () => {
      test("a new store has pending migrations, and migrating twice applies each of them once", async () => {
        expect((await store.listMigrations()).every((migration) => migration.appliedAt === null)).toBe(true);
        const first = await store.migrate();
        expect(first.applied).toEqual((await store.listMigrations()).map((migration) => migration.name));
        expect(first.applied.at(-1)).toBe(first.current);
        expect((await store.listMigrations()).every((migration) => (migration.appliedAt ?? 0) > 0)).toBe(true);
        expect(await store.migrate()).toEqual({ applied: [], current: first.current });
      });

      test("two openings that migrate at once apply each migration once between them", async () => {
        const other = await fixture.reopen();
        const results = await Promise.all([store.migrate(), other.migrate()]);
        expect(results.flatMap((result) => [...result.applied]).toSorted()).toEqual(
          (await store.listMigrations()).map((migration) => migration.name).toSorted(),
        );
        await other[Symbol.asyncDispose]();
      });

      test("the location names the store", () => {
        expect(store.location.length).toBeGreaterThan(0);
      });
    });

    describe("runs", () => {
      beforeEach(async () => {
        await store.migrate();
      });

      test("a run comes back as it was saved", async () => {
        const run = makeRun("r1", {
          project: "naïve 'quoted' \"name\" 😀",
          kind: "restore",
          partial: true,
          stage: "sync",
          backupId: "b1",
          startedAt: 1_700_000_000_001,
          bytes: 9_007_199_254_740_991,
          retryCount: 3,
          warnings: ["one", "zwei ü"],
          error: { code: "source_failed", stage: "dump", message: "it's broken", hint: null },
          result: { storages: ["local"], measured: 1.5, nested: { a: [null, true] } },
        });
        await store.createRun(run);
        expect(await store.findRun("r1")).toEqual(run);
      });

      test("a run id is given only once", async () => {
        await store.createRun(makeRun("r1"));
        await expect(store.createRun(makeRun("r1", { project: "other" }))).rejects.toMatchObject({
          code: "state_failed",
        });
        expect((await store.findRun("r1"))?.project).toBe("shop");
      });

      test("an update changes what it names and keeps the rest", async () => {
        await store.createRun(makeRun("r1", { warnings: ["kept"], stage: "dump" }));
        await store.updateRun("r1", { bytes: 7, heartbeatAt: 5, stage: null, result: { a: 1 } });
        expect(await store.findRun("r1")).toEqual(
          makeRun("r1", { warnings: ["kept"], stage: null, bytes: 7, heartbeatAt: 5, result: { a: 1 } }),
        );
        await store.updateRun("r1", {});
        expect((await store.findRun("r1"))?.bytes).toBe(7);
      });

      test("a run that has ended is never changed again", async () => {
        for (const status of ["succeeded", "failed", "cancelled"] as const) {
          await store.createRun(makeRun(status));
          await store.updateRun(status, { status, finishedAt: 9 });
          await expect(store.updateRun(status, { bytes: 1 })).rejects.toMatchObject({ code: "state_failed" });
          await expect(store.updateRun(status, { status: "running" })).rejects.toMatchObject({ code: "state_failed" });
          expect(await store.findRun(status)).toEqual(makeRun(status, { status, finishedAt: 9 }));
        }
      });

      test("a run takes only the steps that the domain allows", async () => {
        await store.createRun(makeRun("r1", { status: "queued" }));
        await expect(store.updateRun("r1", { status: "succeeded" })).rejects.toMatchObject({ code: "state_failed" });
        await store.updateRun("r1", { status: "running" });
        await expect(store.updateRun("r1", { status: "queued" })).rejects.toMatchObject({ code: "state_failed" });
        expect((await store.findRun("r1"))?.status).toBe("running");
      });

      test("of two processes that end a run only one succeeds", async () => {
        await store.createRun(makeRun("r1"));
        const other = await fixture.reopen();
        const outcomes = await Promise.allSettled([
          store.updateRun("r1", { status: "succeeded" }),
          other.updateRun("r1", { status: "failed" }),
        ]);
        expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(["fulfilled", "rejected"]);
        await other[Symbol.asyncDispose]();
      });

      test("an unknown run cannot be changed or logged to, and finding it finds nothing", async () => {
        await expect(store.updateRun("nope", { bytes: 1 })).rejects.toMatchObject({ code: "state_failed" });
        await expect(store.appendLog("nope", [line("x")])).rejects.toMatchObject({ code: "state_failed" });
        await expect(
          store.saveStage("nope", { stage: "dump", startedAt: 1, finishedAt: null, outcome: "running", message: null }),
        ).rejects.toMatchObject({ code: "state_failed" });
        expect(await store.findRun("nope")).toBeUndefined();
        expect(await store.findRun("")).toBeUndefined();
      });

      test("a unique prefix finds the run, an exact id wins, an ambiguous prefix names the candidates", async () => {
        for (const id of ["abc", "abcd", "abx_1", "ab%2"]) await store.createRun(makeRun(id));
        expect((await store.findRun("abc"))?.id).toBe("abc");
        expect((await store.findRun("abx"))?.id).toBe("abx_1");
        expect((await store.findRun("ab%"))?.id).toBe("ab%2");
        expect(await store.findRun("ABX")).toBeUndefined();
        const error = (await store.findRun("ab").catch((caught: unknown) => caught)) as AppError;
        expect(error.code).toBe("usage");
        expect([...(error.details["candidates"] as string[])].toSorted()).toEqual(["ab%2", "abc", "abcd", "abx_1"]);
      });

      test("lists are newest first, filtered and paged", async () => {
        for (let index = 0; index < 25; index++)
          await store.createRun(
            makeRun(`r${String(index).padStart(2, "0")}`, {
              createdAt: 1_000 + Math.floor(index / 2),
              project: index % 2 === 0 ? "shop" : "blog",
              kind: index % 5 === 0 ? "verify" : "backup",
              status: index === 24 ? "running" : "queued",
            }),
          );
        const all = await store.listRuns({ limit: 100 });
        expect(all.map((run) => run.id)).toEqual(
          Array.from({ length: 25 }, (_, index) => `r${String(24 - index).padStart(2, "0")}`),
        );
        const paged = [];
        for (let offset = 0; offset < 30; offset += 7) paged.push(...(await store.listRuns({ limit: 7, offset })));
        expect(paged).toEqual([...all]);
        expect(await store.listRuns({ limit: 0 })).toEqual([]);
        const filters = [
          { project: "blog" },
          { kind: "verify" },
          { status: ["running"] },
          { status: ["running", "queued"] },
          { status: [] },
          { since: 1_005 },
          { project: "shop", kind: "backup", since: 1_003 },
        ] as const;
        for (const filter of filters) {
          const expected = all.filter(
            (run) =>
              (!("project" in filter) || run.project === filter.project) &&
              (!("kind" in filter) || run.kind === filter.kind) &&
              (!("status" in filter) || (filter.status as readonly string[]).includes(run.status)) &&
              (!("since" in filter) || run.createdAt >= filter.since),
          );
          expect(await store.listRuns({ ...filter, limit: 100 })).toEqual(expected);
          expect(await store.countRuns(filter)).toBe(expected.length);
        }
        expect(await store.countRuns({})).toBe(25);
      });

      test("the latest run of a kind is one per project", async () => {
        await store.createRun(makeRun("a1", { project: "a", createdAt: 1 }));
        await store.createRun(makeRun("a2", { project: "a", createdAt: 2 }));
        await store.createRun(makeRun("a3", { project: "a", createdAt: 3, kind: "verify" }));
        await store.createRun(makeRun("b1", { project: "b", createdAt: 5 }));
        await store.createRun(makeRun("b2", { project: "b", createdAt: 5 }));
        expect((await store.listLatestRuns("backup")).map((run) => run.id)).toEqual(["b2", "a2"]);
        expect((await store.listLatestRuns("verify")).map((run) => run.id)).toEqual(["a3"]);
        expect(await store.listLatestRuns("prune")).toEqual([]);
      });
    });

    describe("stages and log lines", () => {
      beforeEach(async () => {
        await store.migrate();
        await store.createRun(makeRun("r1"));
        await store.createRun(makeRun("r2"));
      });

      test("stages keep their order and the last word on each", async () => {
        const started = { stage: "dump", startedAt: 5, finishedAt: null, outcome: "running", message: null } as const;
        const ended = { ...started, finishedAt: 9, outcome: "failed", message: "no" } as const;
        const hook = { ...started, stage: "pre_hook", startedAt: 5 } as const;
        await store.saveStage("r1", started);
        await store.saveStage("r1", hook);
        await store.saveStage("r1", ended);
        await store.saveStage("r2", started);
        expect(await store.listStages("r1")).toEqual([ended, hook]);
        expect(await store.listStages("r2")).toEqual([started]);
        expect(await store.listStages("r3")).toEqual([]);
      });

      test("log lines are numbered per run and stay usable after it has ended", async () => {
        await store.appendLog("r1", [line("one"), line("two", "debug")]);
        await store.appendLog("r2", [line("other")]);
        await store.updateRun("r1", { status: "failed" });
        await store.appendLog("r1", [line("drei ü\n😀", "error")]);
        await store.appendLog("r1", []);
        const lines = await store.listLog("r1", { limit: 10, afterSeq: 0 });
        expect(lines).toEqual([
          { ...line("one"), runId: "r1", seq: 1 },
          { ...line("two", "debug"), runId: "r1", seq: 2 },
          { ...line("drei ü\n😀", "error"), runId: "r1", seq: 3 },
        ]);
        expect((await store.listLog("r2", { limit: 10 })).map((entry) => entry.seq)).toEqual([1]);
      });

      test("lines come newest first, and oldest first after a number, so that nothing is missed by polling", async () => {
        const levels = ["debug", "info", "warn", "error"] as const;
        await store.appendLog(
          "r1",
          Array.from({ length: 1_200 }, (_, index) => line(`${index}`, levels[index % 4])),
        );
        expect((await store.listLog("r1", { limit: 2 })).map((entry) => entry.seq)).toEqual([1_200, 1_199]);
        expect((await store.listLog("r1", { limit: 2, offset: 2 })).map((entry) => entry.seq)).toEqual([1_198, 1_197]);
        expect((await store.listLog("r1", { limit: 2, level: "warn" })).map((entry) => entry.seq)).toEqual([
          1_200, 1_199,
        ]);
        expect(
          (await store.listLog("r1", { limit: 3, level: "error", afterSeq: 4 })).map((entry) => entry.seq),
        ).toEqual([8, 12, 16]);
        const polled: number[] = [];
        for (;;) {
          const page = await store.listLog("r1", { limit: 500, afterSeq: polled.at(-1) ?? 0 });
          if (page.length === 0) break;
          polled.push(...page.map((entry) => entry.seq));
        }
        expect(polled).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
      });

      test("two writers to one log lose no line and share no number", async () => {
        const other = await fixture.reopen();
        await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            (index % 2 === 0 ? store : other).appendLog("r1", [line(`${index}a`), line(`${index}b`)]),
          ),
        );
        const lines = await store.listLog("r1", { limit: 100, afterSeq: 0 });
        expect(lines.map((entry) => entry.seq)).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
        expect(new Set(lines.map((entry) => entry.message)).size).toBe(80);
        await other[Symbol.asyncDispose]();
      });
    });

    describe("backups", () => {
      beforeEach(async () => {
        await store.migrate();
      });

      test("a backup comes back as it was saved, its storages in their order", async () => {
        const backup = makeBackup("b1", {
          schedule: "nightly",
          type: "custom",
          sizeBytes: 5_000_000_000_000,
          storages: ["z", "a", "m"],
          pinned: true,
          encryption: null,
          warnings: ["vanished: /data/ü"],
          verification: makeVerification(5, { level: "restore", restoreMs: 1234, message: "fine" }),
        });
        await store.saveBackup(backup);
        expect(await store.findBackup("shop", "b1")).toEqual(backup);
        expect(await store.listBackups({ limit: 5 })).toEqual([backup]);
      });

      test("saving again replaces the record and its storages", async () => {
        await store.saveBackup(makeBackup("b1", { verification: makeVerification(5), pinned: true }));
        const again = makeBackup("b1", { storages: ["offsite"], sizeBytes: 9 });
        await store.saveBackup(again);
        expect(await store.listBackups({ limit: 5 })).toEqual([again]);
        await store.saveBackup({ ...again, storages: [] });
        expect(await store.findBackup("shop", "b1")).toBeUndefined();
      });

      test("a backup goes with its last storage", async () => {
        await store.saveBackup(makeBackup("b1"));
        await store.saveBackup(makeBackup("b2"));
        await store.removeBackupFromStorage("b1", "local");
        expect((await store.findBackup("shop", "b1"))?.storages).toEqual(["offsite"]);
        await store.removeBackupFromStorage("b1", "local");
        await store.removeBackupFromStorage("b1", "offsite");
        await store.removeBackupFromStorage("b1", "offsite");
        expect((await store.listBackups({ limit: 5 })).map((backup) => backup.id)).toEqual(["b2"]);
      });

      test("the newest verification is the one that is shown, in whatever order they are saved", async () => {
        await store.saveBackup(makeBackup("b1"));
        await store.saveVerification("b1", makeVerification(10, { passed: false, message: "broken" }));
        await store.saveVerification("b1", makeVerification(5));
        await store.saveVerification("b1", makeVerification(5));
        expect((await store.findBackup("shop", "b1"))?.verification).toEqual(
          makeVerification(10, { passed: false, message: "broken" }),
        );
        await store.saveVerification("b1", makeVerification(11, { storage: "offsite" }));
        expect((await store.findBackup("shop", "b1"))?.verification).toEqual(
          makeVerification(11, { storage: "offsite" }),
        );
      });

      test("a pin is set and lifted, and an unknown backup is named", async () => {
        await store.saveBackup(makeBackup("b1"));
        await store.savePin("b1", true);
        expect((await store.findBackup("shop", "b1"))?.pinned).toBe(true);
        await store.savePin("b1", false);
        expect((await store.findBackup("shop", "b1"))?.pinned).toBe(false);
        await expect(store.savePin("nope", true)).rejects.toMatchObject({ code: "backup_not_found" });
        await expect(store.saveVerification("nope", makeVerification(1))).rejects.toMatchObject({
          code: "backup_not_found",
        });
      });

      test("a backup is found by a unique prefix within its project only", async () => {
        await store.saveBackup(makeBackup("abc1"));
        await store.saveBackup(makeBackup("abc2", { createdAt: 1_700_000_000_001 }));
        await store.saveBackup(makeBackup("xyz1", { project: "blog" }));
        expect((await store.findBackup("shop", "abc2"))?.id).toBe("abc2");
        expect((await store.findBackup("blog", "x"))?.id).toBe("xyz1");
        expect(await store.findBackup("shop", "xyz1")).toBeUndefined();
        expect(await store.findBackup("shop", "")).toBeUndefined();
        const error = (await store.findBackup("shop", "abc").catch((caught: unknown) => caught)) as AppError;
        expect(error.code).toBe("backup_not_found");
        expect(error.details["candidates"]).toEqual(["abc2", "abc1"]);
      });

      test("backups are listed newest first, filtered and paged", async () => {
        for (let index = 0; index < 12; index++)
          await store.saveBackup(
            makeBackup(`b${String(index).padStart(2, "0")}`, {
              createdAt: 1_000 + Math.floor(index / 3),
              project: index % 2 === 0 ? "shop" : "blog",
              type: index % 3 === 0 ? "manual" : "daily",
              storages: index % 4 === 0 ? ["offsite"] : ["local", "offsite"],
            }),
          );
        const all = await store.listBackups({ limit: 100 });
        expect(all.map((backup) => backup.id)).toEqual(
          Array.from({ length: 12 }, (_, index) => `b${String(11 - index).padStart(2, "0")}`),
        );
        expect(await store.listBackups({ limit: 5, offset: 10 })).toEqual(all.slice(10));
        expect(await store.listBackups({ limit: 100, project: "blog" })).toEqual(
          all.filter((backup) => backup.project === "blog"),
        );
        expect(await store.listBackups({ limit: 100, storage: "local", type: "daily" })).toEqual(
          all.filter((backup) => backup.type === "daily" && backup.storages.includes("local")),
        );
        expect(await store.listBackups({ limit: 100, storage: "nowhere" })).toEqual([]);
      });
    });
  });
}
