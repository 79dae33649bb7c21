// A daemon that starts while the server of its state store is stopped: it deletes nothing, backs up all the same, tells
// people, and brings the record up to date when the server is there again.

import { afterAll, beforeAll, expect } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { startDaemon, until } from "../support/daemon-process.ts";
import { startHookReceiver } from "../support/hook-receiver.ts";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { startPostgres, stopPostgres } from "../support/restart-postgres.ts";
import { openTestWorld } from "../support/world.ts";

const installed = await findServerBinaries();
const test = needs(binaryPath, installed === undefined ? "initdb" : join(installed.binDir, "initdb"));
const password = "canary-away-password-83";
let server: TestServer;

beforeAll(async () => {
  if (installed !== undefined) server = await startTestServer();
}, 60_000);
afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

test("backups go on, nothing is deleted, people are told once of each turn", async () => {
  await server.run("postgres", `CREATE ROLE store LOGIN PASSWORD '${password}'`, "CREATE DATABASE away OWNER store");
  await using receiver = startHookReceiver("canary-away-hook");
  await using world = await openTestWorld({
    project: {
      cron: "* * * * *",
      retention: { keep_last: 5 },
      notification: { type: "webhook", config: { url: "${HOOK_URL}" } },
    },
    env: {
      HOOK_URL: receiver.url,
      DATABASE_URL: `postgres://store:${password}@127.0.0.1:${server.port}/away`,
    },
  });
  // What a killed run left, and what nobody knows of: both look like debris to a program that has no records.
  const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: "dump.parts_durable" }, "run", "shop");
  expect(killed.signal).toBe("SIGKILL");
  const stranger = join(world.storagePath("disk"), "shop/2020/01/shop_manual_20200101_000000_abcdefgh.sqlite.zst");
  await mkdir(dirname(stranger), { recursive: true });
  await writeFile(stranger, "a backup of a state store that is gone");
  const before = await world.listObjects("disk");
  expect(before.length).toBeGreaterThan(1);
  await stopPostgres(server);

  await using daemon = await startDaemon(world);
  const describe = (): string => daemon.output;
  expect((await daemon.get("/health")).status).toBe(503);
  await until(() => daemon.output.includes("committed on disk"), 150_000, describe);
  const ofEvent = (event: string) => receiver.accepted.filter((accepted) => accepted.event === event);
  await until(() => ofEvent("alert").length > 0 && ofEvent("backup_success").length > 0, 90_000, describe);
  const during = await world.listObjects("disk");
  expect(before.filter((key) => !during.includes(key))).toEqual([]);
  expect(during.some((key) => key.endsWith(".manifest.json"))).toBe(true);
  expect(ofEvent("alert")).toHaveLength(1);
  const { text } = ofEvent("alert")[0]!.body as { readonly text: string };
  expect(text).toContain("State store does not answer — all projects");
  expect(text).not.toContain("canary");
  const journal = join(world.env["BACKUP_BASE_DIR"]!, ".fallback-audit", "fallback.jsonl");
  expect(await readFile(journal, "utf8")).toContain('"createRun"');

  await using _again = await startPostgres(server);
  await until(() => ofEvent("alert_resolved").length > 0, 90_000, describe);
  await until(async () => (await readFile(journal, "utf8")) === "", 90_000, describe);
  await until(async () => (await daemon.get("/health")).status === 200, 10_000, describe);
  daemon.kill("SIGTERM");
  expect(await daemon.exited).toBe(0);
  const runs = await server.run("away", "SELECT id, status, error_stage FROM backup_log ORDER BY created_at");
  expect(runs.filter(({ status }) => status === "success").length).toBeGreaterThan(0);
  expect(new Set(runs.map(({ id }) => id)).size).toBe(runs.length);
  const successes = runs.filter(({ status }) => status === "success").length;
  expect(ofEvent("backup_success")).toHaveLength(successes);
  expect(ofEvent("alert_resolved")).toHaveLength(1);
  // The next run knows the dead one again, and takes away what was its, and nothing else.
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  expect(await world.listObjects("disk")).toContain("shop/2020/01/shop_manual_20200101_000000_abcdefgh.sqlite.zst");
  expect(daemon.output).not.toContain("canary");
}, 420_000);
