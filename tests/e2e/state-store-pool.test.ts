// How many connections the programs of one host hold on a PostgreSQL state store while all of them work.

import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { startDaemon, until } from "../support/daemon-process.ts";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { openTestWorld } from "../support/world.ts";

const installed = await findServerBinaries();
const test = needs(binaryPath, installed === undefined ? "initdb" : join(installed.binDir, "initdb"));
const perProcess = 4;
const names = ["a", "b", "c"];
let server: TestServer;

beforeAll(async () => {
  if (installed === undefined) return;
  server = await startTestServer();
  await server.run("postgres", "CREATE ROLE store LOGIN PASSWORD 'store-password'", "CREATE DATABASE pool OWNER store");
}, 60_000);
afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

async function countConnections(): Promise<number> {
  const [row] = await server.run(
    "postgres",
    "SELECT count(*)::int AS held FROM pg_stat_activity WHERE usename = 'store'",
  );
  return Number(row!["held"]);
}

test("a daemon and three runs beside it hold four each at most, and give them back", async () => {
  const url = `postgres://store:store-password@127.0.0.1:${server.port}/pool`;
  await using world = await openTestWorld({ env: { DATABASE_URL: url } });
  const projects = names.map((name) => ({
    name,
    cron: "* * * * *",
    database: { type: "sqlite", path: world.databasePath },
    storage: ["disk"],
    retention: { keep_last: 3 },
    hooks: { pre_backup: "for i in $(seq 200); do echo $i; done; sleep 1" },
  }));
  await world.configure({ file: { projects } });
  await using daemon = await startDaemon(world);
  const runs = names.map((name) => world.run("run", name));
  let isOver = false;
  const ended = Promise.all(runs).then((outcomes) => {
    isOver = true;
    return outcomes;
  });
  let most = 0;
  let asked = 0;
  while (!isOver) {
    most = Math.max(most, await countConnections());
    void daemon.get("/status").catch(() => {});
    void daemon.get("/health").catch(() => {});
    asked += 1;
    await Bun.sleep(20);
  }
  for (const outcome of await ended) expect(outcome).toMatchObject({ exitCode: 0 });
  expect(asked).toBeGreaterThan(10);
  expect(most).toBeGreaterThan(names.length);
  expect(most).toBeLessThanOrEqual(perProcess * (names.length + 1));
  // The commands have ended: what is left is the daemon's, also after it has read its configuration again.
  await until(async () => (await countConnections()) <= perProcess, 5_000);
  for (let n = 0; n < 5; n++) expect(await world.run("config", "reload")).toMatchObject({ exitCode: 0 });
  await Promise.all(names.map(() => daemon.get("/status")));
  await until(async () => (await countConnections()) <= 2 * perProcess, 5_000);
  console.log(`most connections at once: ${most}`);
  daemon.kill("SIGTERM");
  expect(await daemon.exited).toBe(0);
  expect(await countConnections()).toBe(0);
}, 90_000);
