// The state store on a real PostgreSQL server.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { AppError } from "../../src/domain/error.ts";
import { openStateStore } from "../../src/adapters/state-store/open-state-store.ts";
import { makeBackup, makeRun, makeVerification } from "../../src/ports/state-store-samples.contract.ts";
import { describeOutboxContract } from "../../src/ports/state-store-outbox.contract.ts";
import { describeRecoveryContract } from "../../src/ports/state-store-recovery.contract.ts";
import { describeScheduleContract } from "../../src/ports/state-store-schedules.contract.ts";
import { describeStateStoreContract, type StateStoreFixture } from "../../src/ports/state-store.contract.ts";
import { findServerBinaries, freePort, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const canary = "canary-p@ss/w:rd-61";
let server: TestServer | undefined;
let databases = 0;

async function createUrl(user = "store"): Promise<string> {
  const name = `store ${databases++}`;
  await server!.run("postgres", `CREATE DATABASE "${name}" OWNER store TEMPLATE template0`);
  return `postgres://${user}:${encodeURIComponent(canary)}@127.0.0.1:${server!.port}/${encodeURIComponent(name)}`;
}

if ((await findServerBinaries()) === undefined) {
  needs("initdb")("the state store on PostgreSQL", () => {
    throw new Error("no PostgreSQL server is installed: npm run setup");
  });
} else {
  beforeAll(async () => {
    server = await startTestServer();
    await server.run("postgres", `CREATE ROLE store LOGIN PASSWORD '${canary}'`);
  }, 60_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  }, 60_000);

  const openFixture = async (): Promise<StateStoreFixture> => {
    const url = await createUrl();
    const store = await openStateStore(url);
    return {
      store,
      reopen: () => openStateStore(url),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  };
  describeStateStoreContract("postgres", openFixture);
  describeOutboxContract("postgres", openFixture);
  describeRecoveryContract("postgres", openFixture);
  describeScheduleContract("postgres", openFixture);

  describe("the state store on PostgreSQL", () => {
    async function failure(url: string): Promise<AppError> {
      await using store = await openStateStore(url);
      const error = (await store.migrate().catch((caught: unknown) => caught)) as AppError;
      expect(error.code).toBe("state_failed");
      expect(JSON.stringify([error.message, error.hint, error.details, Bun.inspect(error.cause)])).not.toContain(
        "canary",
      );
      return error;
    }

    test("its location has no password", async () => {
      await using store = await openStateStore(await createUrl());
      expect(store.location).toStartWith(`postgres://store@127.0.0.1:${server!.port}/store `);
    });

    test("a wrong password, a missing database and a silent port are named with a hint", async () => {
      const url = await createUrl();
      const wrong = await failure(url.replace(encodeURIComponent(canary), "canary-wrong"));
      expect(wrong.hint).toContain("password");
      expect(wrong.retryable).toBe(false);
      expect((await failure(url.replace(/store%20\d+$/, "absent"))).hint).toContain("create the database");
      const silent = await failure(url.replace(`:${server!.port}/`, `:${freePort()}/`));
      expect(silent.hint).toContain("host and port");
      expect(silent.retryable).toBe(true);
    });

    test("a store that was used by a newer version is refused", async () => {
      await using store = await openStateStore(await createUrl());
      await store.migrate();
      await server!.run(`store ${databases - 1}`, "INSERT INTO migrations VALUES ('9999-future', 1)");
      await expect(store.migrate()).rejects.toMatchObject({ code: "state_failed" });
    });

    test("a connection that breaks in between does not break the store", async () => {
      await using store = await openStateStore(await createUrl());
      await store.migrate();
      await server!.run("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'store'");
      await Bun.sleep(100);
      await store.createRun(makeRun("r1"));
      expect((await store.findRun("r1"))?.id).toBe("r1");
    });

    test("the view backup_log has the names and words of the audit trail", async () => {
      await using store = await openStateStore(await createUrl());
      await store.migrate();
      await store.saveBackup(makeBackup("b1", { verification: makeVerification(5) }));
      await store.createRun(makeRun("r1", { startedAt: 1_700_000_000_000, backupId: "b1", bytes: 42 }));
      await store.updateRun("r1", {
        status: "succeeded",
        finishedAt: 1_700_000_001_500,
        result: { pruneSnapshotsRemoved: 2, dumpSizeBytes: 99 },
      });
      await store.createRun(makeRun("r2", { status: "queued", createdAt: 1_700_000_000_001 }));
      await store.createRun(makeRun("r3", { kind: "verify" }));
      const rows = await server!.run(`store ${databases - 1}`, "SELECT * FROM backup_log ORDER BY created_at");
      expect(rows).toHaveLength(2);
      expect(rows[0]).toMatchObject({
        id: "r1",
        project_name: "shop",
        status: "success",
        encrypted: true,
        verified: true,
        error_stage: null,
        retry_count: 0,
      });
      expect(Number(rows[0]!["duration_ms"])).toBe(1_500);
      expect(Number(rows[0]!["prune_snapshots_removed"])).toBe(2);
      expect(Number(rows[0]!["dump_size_bytes"])).toBe(99);
      expect(Number(rows[1]!["dump_size_bytes"])).toBe(0);
      expect(rows[1]).toMatchObject({ status: "started", encrypted: false, verified: false });
    });
  });
}
