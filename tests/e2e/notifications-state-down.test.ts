// The state store goes away in the middle of a run: people are told all the same, once.

import { afterAll, beforeAll, expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { startHookReceiver, type HookReceiver } from "../support/hook-receiver.ts";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { openTestWorld, type RunsJson, type World } from "../support/world.ts";

const canary = "canary-hook-secret-52";
const password = "canary-state-password-52";
const test = (await findServerBinaries()) === undefined ? needs("initdb") : needs(binaryPath);
let server: TestServer | undefined;
beforeAll(async () => {
  if ((await findServerBinaries()) === undefined) return;
  server = await startTestServer();
  await server.run("postgres", `CREATE ROLE store LOGIN PASSWORD '${password}'`);
}, 60_000);
afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

async function openWorld(name: string, proxy: TcpProxy, receiver: HookReceiver): Promise<World> {
  await server!.run("postgres", `CREATE DATABASE ${name} OWNER store`);
  return openTestWorld({
    project: {
      assets: { paths: [] },
      verification: { enabled: false },
      hooks: { pre_backup: "touch ready; while test ! -e go; do sleep 0.05; done" },
      notification: { type: "webhook", config: { url: "${HOOK_URL}" } },
    },
    env: { HOOK_URL: receiver.url, DATABASE_URL: `postgres://store:${password}@127.0.0.1:${proxy.port}/${name}` },
  });
}

/** One run, whose state store is cut off while its hook waits. */
async function runThroughTheCut(world: World, proxy: TcpProxy) {
  const running = world.run("run", "shop", "--json");
  while (!(await Bun.file(join(world.dir, "ready")).exists())) await Bun.sleep(20);
  proxy.setFaults({ refuse: true });
  proxy.resetAll();
  await Bun.write(join(world.dir, "go"), "");
  return running;
}

const journalOf = (world: World): Promise<string> =>
  readFile(join(world.env["BACKUP_BASE_DIR"]!, ".fallback-audit/fallback.jsonl"), "utf8").catch(() => "");
const events = (receiver: HookReceiver): readonly string[] => receiver.accepted.map(({ event }) => event);

test("a receiver that is there is told of the end at once", async () => {
  await using proxy = await startTcpProxy(server!.port);
  await using receiver = startHookReceiver(canary);
  await using world = await openWorld("there", proxy, receiver);
  const outcome = await runThroughTheCut(world, proxy);
  expect(outcome.exitCode).toBe(0);
  expect((JSON.parse(outcome.stdout) as RunsJson).runs[0]).toMatchObject({ status: "succeeded" });
  expect(events(receiver)).toEqual(["backup_started", "backup_success"]);
  const kept = await journalOf(world);
  expect(kept).not.toContain('"notification"');
  expect(kept).not.toContain("canary");
  proxy.setFaults({});
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  expect(events(receiver).slice(2)).toEqual(["backup_started", "backup_success"]);
}, 60_000);

test("a receiver that is down as well is told when both are back, once", async () => {
  await using proxy = await startTcpProxy(server!.port);
  await using receiver = startHookReceiver(canary);
  await using world = await openWorld("away", proxy, receiver);
  receiver.standing = 503;
  expect(await runThroughTheCut(world, proxy)).toMatchObject({ exitCode: 0 });
  const kept = await journalOf(world);
  expect(kept).toContain("backup_success");
  expect(kept).not.toContain("canary");
  expect(receiver.accepted).toEqual([]);
  receiver.standing = null;
  proxy.setFaults({});
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  const ends = receiver.accepted.filter(({ event }) => event === "backup_success");
  expect(new Set(ends.map(({ key }) => key)).size).toBe(2);
  expect(receiver.accepted.length).toBe(4);
  expect(await journalOf(world)).not.toContain('"notification"');
}, 60_000);
