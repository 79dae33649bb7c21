// A PostgreSQL state store whose server is stopped in the middle of a run: the run succeeds, and the store gets its record
// in order, once, whenever it is back, also when the program is killed while it catches up.

import { expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { startHookReceiver } from "../support/hook-receiver.ts";
import { findServerBinaries, startTestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { startPostgres, stopPostgres } from "../support/restart-postgres.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { canary, openTestWorld, type RunsJson } from "../support/world.ts";

const installed = await findServerBinaries();
const test = needs(binaryPath, installed === undefined ? "initdb" : join(installed.binDir, "initdb"));

interface JournalLine {
  readonly id: string;
  readonly type: string;
  readonly payload: { readonly op: string; readonly run?: { readonly id: string }; readonly id?: string };
}

test("stopped in the middle of a run, killed in the middle of the replay", async () => {
  await using server = await startTestServer();
  await server.run("postgres", `CREATE ROLE audit LOGIN PASSWORD '${canary}'`, "CREATE DATABASE audit OWNER audit");
  const url = `postgres://audit:${canary}@127.0.0.1:${server.port}/audit`;
  await using world = await openTestWorld({ env: { DATABASE_URL: url } });
  const hook = `touch "${world.dir}/started"; while [ ! -e "${world.dir}/go" ]; do sleep 0.05; done`;
  await world.configure({ project: { hooks: { pre_backup: hook, post_backup: "echo one; echo two; echo three" } } });
  const running = world.run("run", "shop", "--json");
  while (!(await Bun.file(join(world.dir, "started")).exists())) await Bun.sleep(20);
  await stopPostgres(server);
  await writeFile(join(world.dir, "go"), "");
  const outcome = await running;
  expect(outcome).toMatchObject({ exitCode: 0 });
  const [run] = (JSON.parse(outcome.stdout) as RunsJson).runs;
  expect(run).toMatchObject({ status: "succeeded", partial: false, warnings: [] });

  const journal = join(world.env["BACKUP_BASE_DIR"]!, ".fallback-audit", "fallback.jsonl");
  const text = await readFile(journal, "utf8");
  expect(text).not.toContain(canary);
  const kept = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JournalLine);
  expect(kept.every(({ type }) => type === "audit")).toBe(true);
  // The run's beginning comes first, whatever the store got of it before; its end comes last but for the log.
  expect(kept[0]!.payload).toMatchObject({ op: "createRun", run: { id: run!.id } });
  expect(new Set(kept.map(({ payload }) => payload.op))).toEqual(
    new Set(["createRun", "updateRun", "saveStage", "appendLog", "saveBackup", "saveVerification"]),
  );
  // It stays down: what is asked of it fails with a name, and what is kept stays.
  const down = await world.run("status", "shop");
  expect(down.exitCode).not.toBe(0);
  expect(down.stderr).not.toContain(canary);
  expect(await readFile(journal, "utf8")).toBe(text);

  await using _again = await startPostgres(server);
  let kills = 0;
  for (;;) {
    const attempt = await world.runFromSource({ BACKUPCTL_CRASH_AT: "replay.entry_stored" }, "status", "shop");
    if (attempt.signal === null) {
      expect(attempt).toMatchObject({ exitCode: 0 });
      break;
    }
    expect(attempt.signal).toBe("SIGKILL");
    kills += 1;
    expect(kills).toBeLessThanOrEqual(kept.length);
  }
  // Killed after each entry that was new to the store: each was stored by one of them, and by no other.
  expect(kills).toBe(kept.length);
  expect(await readFile(journal, "utf8")).toBe("");

  const runs = await server.run("audit", "SELECT id, status, error_stage, duration_ms, completed_at FROM backup_log");
  expect(runs).toMatchObject([{ id: run!.id, status: "success", error_stage: null }]);
  expect(Number(runs[0]!["duration_ms"])).toBe(run!.durationMs!);
  const stages = await server.run("audit", "SELECT stage, outcome FROM run_stages ORDER BY position");
  expect(stages.map(({ stage, outcome: how }) => `${String(stage)} ${String(how)}`)).toEqual(
    ["pre_hook", "dump", "verify", "sync", "prune", "post_hook"].map((stage) => `${stage} succeeded`),
  );
  const lines = await server.run("audit", "SELECT seq, at, message FROM run_logs ORDER BY seq");
  expect(lines.map(({ seq }) => Number(seq))).toEqual(lines.map((_line, index) => index + 1));
  const said = lines.map(({ message }) => String(message));
  expect(said.filter((message) => message.startsWith("post_hook: ")).slice(0, 3)).toEqual([
    "post_hook: one",
    "post_hook: two",
    "post_hook: three",
  ]);
  expect(lines.map(({ at }) => Number(at))).toEqual(lines.map(({ at }) => Number(at)).toSorted((a, b) => a - b));
  const catalogue = await server.run("audit", "SELECT id FROM backups");
  expect(catalogue).toEqual([{ id: run!.backupId }]);
  expect(await server.run("audit", "SELECT count(*)::int AS verified FROM verifications")).toEqual([{ verified: 1 }]);
  // And the store works on, without the journal.
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  expect(await server.run("audit", "SELECT status FROM runs")).toHaveLength(2);
  expect(await readFile(journal, "utf8")).toBe("");
}, 180_000);

test("a network that swallows what is sent holds a run up for a minute or two, and loses nothing", async () => {
  await using server = await startTestServer();
  await server.run("postgres", `CREATE ROLE mute LOGIN PASSWORD '${canary}'`, "CREATE DATABASE mute OWNER mute");
  await using proxy = await startTcpProxy(server.port);
  const url = `postgres://mute:${canary}@127.0.0.1:${proxy.port}/mute`;
  await using receiver = startHookReceiver("canary-mute-hook");
  await using world = await openTestWorld({ env: { DATABASE_URL: url, HOOK_URL: receiver.url } });
  const hook = `touch "${world.dir}/started"; while [ ! -e "${world.dir}/go" ]; do sleep 0.05; done`;
  const notification = { type: "webhook", config: { url: "${HOOK_URL}" } };
  await world.configure({ project: { hooks: { pre_backup: hook }, notification } });
  const running = world.run("run", "shop", "--json");
  while (!(await Bun.file(join(world.dir, "started")).exists())) await Bun.sleep(20);
  proxy.setFaults({ stall: true });
  const from = performance.now();
  await writeFile(join(world.dir, "go"), "");
  const outcome = await running;
  const heldMs = performance.now() - from;
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(heldMs).toBeLessThan(150_000);
  expect(receiver.accepted.map(({ event }) => event)).toEqual(["backup_started", "backup_success"]);
  proxy.setFaults({});
  expect(await world.run("status", "shop")).toMatchObject({ exitCode: 0 });
  expect(await server.run("mute", "SELECT status FROM backup_log")).toEqual([{ status: "success" }]);
  console.log(`held up for ${Math.round(heldMs / 1000)} s`);
}, 240_000);
