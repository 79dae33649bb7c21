// Daemons whose state store is a PostgreSQL server, which may be shared, and may go away.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { startDaemon, until } from "../support/daemon-process.ts";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { openTestWorld, type World } from "../support/world.ts";

const minute = 60_000;
const initdb = await findServerBinaries();
const test = needs(binaryPath, initdb === undefined ? "initdb" : join(initdb.binDir, "initdb"));
const names = ["a", "b", "c", "d", "e"];
let server: TestServer;
let databases = 0;

beforeAll(async () => {
  if (initdb === undefined) return;
  server = await startTestServer();
  await server.run("postgres", "CREATE ROLE store LOGIN PASSWORD 'store-password'");
}, 60_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function createStore(): Promise<string> {
  const name = `slots${databases++}`;
  await server.run("postgres", `CREATE DATABASE ${name} OWNER store TEMPLATE template0`);
  return name;
}

function urlOf(database: string, port = server.port): string {
  return `postgres://store:store-password@127.0.0.1:${port}/${database}`;
}

/** Each has its own disk, as two hosts have. */
async function openHost(databaseUrl: string): Promise<World> {
  const world = await openTestWorld({ env: { DATABASE_URL: databaseUrl } });
  const projects = names.map((name) => ({
    name,
    cron: "0 * * * *",
    database: { type: "sqlite", path: world.databasePath },
    storage: ["disk"],
    retention: { keep_last: 3 },
  }));
  await world.configure({ file: { projects } });
  return world;
}

async function pretendAway(database: string): Promise<void> {
  const then = Date.now() - 61 * minute;
  await server.run(database, `UPDATE schedule_marks SET since = ${then}, judged_until = ${then}`);
}

async function listDone(database: string): Promise<readonly Record<string, unknown>[]> {
  return server.run(database, "SELECT * FROM schedule_slots WHERE status = 'done' AND kind = 'backup'");
}

describe("daemons on a PostgreSQL state store", () => {
  test("two of them run a slot once between them", async () => {
    const database = await createStore();
    await using one = await openHost(urlOf(database));
    await using two = await openHost(urlOf(database));
    await using first = await startDaemon(one);
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    await pretendAway(database);
    const [left, right] = await Promise.all([startDaemon(one), startDaemon(two)]);
    await using _left = left;
    await using _right = right;
    await until(
      async () => (await listDone(database)).length >= names.length,
      30_000,
      () => left.output + right.output,
    );
    await Bun.sleep(1_000);
    const done = await listDone(database);
    expect(done.map(({ project }) => String(project)).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(names);
    expect(done.every(({ outcome }) => outcome === "succeeded")).toBe(true);
    const runs = await server.run(database, "SELECT * FROM runs WHERE kind = 'backup'");
    expect(runs).toHaveLength(names.length);
  }, 60_000);

  test("a store that is away at the start is asked again, and what was missed is caught up once it answers", async () => {
    const database = await createStore();
    await using proxy = await startTcpProxy(server.port);
    await using host = await openHost(urlOf(database, proxy.port));
    const first = await startDaemon(host);
    first.kill("SIGKILL");
    await first.exited;
    await pretendAway(database);
    proxy.setFaults({ refuse: true });
    await using daemon = await startDaemon(host);
    expect((await daemon.get("/health")).status).toBe(503);
    expect((await daemon.get("/status")).status).toBe(503);
    expect(await listDone(database)).toEqual([]);
    proxy.setFaults({});
    await until(
      async () => (await listDone(database)).length === names.length,
      30_000,
      () => daemon.output,
    );
    await until(async () => (await daemon.get("/health")).status === 200, 5_000);
  }, 60_000);

  test("a store that goes away while a run is on changes nothing for the run, and is told how it ended", async () => {
    const database = await createStore();
    await using proxy = await startTcpProxy(server.port);
    await using host = await openHost(urlOf(database, proxy.port));
    await host.configure({
      file: {
        projects: [
          {
            name: "a",
            cron: "0 * * * *",
            database: { type: "sqlite", path: host.databasePath },
            storage: ["disk"],
            retention: { keep_last: 3 },
            hooks: { pre_backup: "sleep 3" },
          },
        ],
      },
    });
    const first = await startDaemon(host);
    first.kill("SIGKILL");
    await first.exited;
    await pretendAway(database);
    await using daemon = await startDaemon(host);
    await until(
      () => daemon.output.includes("a: backup begins"),
      15_000,
      () => daemon.output,
    );
    await Bun.sleep(500);
    proxy.setFaults({ refuse: true });
    proxy.resetAll();
    await until(
      () => daemon.output.includes("committed on disk"),
      20_000,
      () => daemon.output,
    );
    await Bun.sleep(500);
    expect(await listDone(database)).toEqual([]);
    proxy.setFaults({});
    await until(
      async () => (await listDone(database)).length === 1,
      30_000,
      () => daemon.output,
    );
    expect((await listDone(database))[0]).toMatchObject({ project: "a", outcome: "succeeded" });
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
    const runs = await server.run(database, "SELECT status FROM runs WHERE kind = 'backup'");
    expect(runs).toEqual([{ status: "succeeded" }]);
  }, 90_000);
});
