// Runs of the real program against receivers that fail on purpose: every message arrives once, no backup fails or waits for
// long because of one, and no secret of a channel is written anywhere.

import { Database } from "bun:sqlite";
import { describe, expect } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { testWithBinary } from "../support/binary.ts";
import { startHookReceiver, type HookReceiver } from "../support/hook-receiver.ts";
import { startSmtpServer } from "../support/smtp-server.ts";
import { openTestWorld, type RunsJson, type World, type WorldOptions } from "../support/world.ts";

const canary = "canary-hook-secret-51";
const events = (receiver: HookReceiver): readonly string[] => receiver.accepted.map(({ event }) => event);

function openWorld(receiver: HookReceiver, more: WorldOptions = {}): Promise<World> {
  const notification = { type: "webhook", config: { url: "${HOOK_URL}" } };
  return openTestWorld({
    ...more,
    project: { assets: { paths: [] }, verification: { enabled: false }, notification, ...more.project },
    env: { HOOK_URL: receiver.url, ...more.env },
  });
}

/** Nothing that the program wrote holds the secret part of the hook's address. */
async function expectNoSecret(world: World, ...texts: string[]): Promise<void> {
  const base = world.env["BACKUP_BASE_DIR"]!;
  const entries = await readdir(base, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const written = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), "latin1")));
  expect(files.length).toBeGreaterThan(0);
  for (const text of [...texts, ...written]) expect(text).not.toContain(canary);
}

function openState(world: World): Database {
  return new Database(join(world.env["BACKUP_BASE_DIR"]!, ".backupctl/state.db"));
}

describe("a run tells a webhook", () => {
  testWithBinary("of its start and its end, with the body that both documents describe", async () => {
    await using receiver = startHookReceiver(canary);
    await using world = await openWorld(receiver);
    const outcome = await world.run("run", "shop");
    expect(outcome.exitCode).toBe(0);
    expect(events(receiver)).toEqual(["backup_started", "backup_success"]);
    const { body } = receiver.accepted[1]!;
    expect(body).toMatchObject({
      event: "backup_success",
      project: "shop",
      data: { project_name: "shop", status: "success", encrypted: true },
      db: "shop",
      status: "success",
    });
    expect(body["text"]).toStartWith("✅ Backup completed — shop\nDB: notes.db | Dump: ");
    expect(body["bytes"]).toBe(body["data"]["dump_size_bytes"]);
    expect(body["duration"]).toBe(body["data"]["duration_ms"] / 1000);
    expect(body["dest"]).toStartWith("disk:shop/");
    await expectNoSecret(world, outcome.stdout, outcome.stderr);
  });

  testWithBinary(
    "that fails now and then, each message once and in order",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver);
      receiver.faults.push(500, 503, 429);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      expect(events(receiver)).toEqual(["backup_started", "backup_success"]);
      expect(receiver.requests).toBe(5);
    },
    30_000,
  );

  testWithBinary(
    "that is down at a later run, and shows meanwhile what waits",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver);
      receiver.standing = 500;
      const outcome = await world.run("run", "shop");
      expect(outcome).toMatchObject({ exitCode: 0 });
      expect(outcome.stderr).toContain("channel webhook: could not notify");
      const waiting = await world.json<{ notifications: { status: string; event: string }[] }>("notify", "list");
      expect(waiting.notifications.map(({ status, event }) => `${status} ${event}`)).toEqual([
        "pending backup_success",
        "pending backup_started",
      ]);
      await expectNoSecret(world, outcome.stderr);
      receiver.standing = null;
      await world.run("verify", "shop", "latest");
      expect(events(receiver)).toEqual(["backup_started", "backup_success"]);
      await world.run("verify", "shop", "latest");
      expect(receiver.accepted.length).toBe(2);
    },
    30_000,
  );

  testWithBinary(
    "that never answers, and is done soon all the same",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver);
      receiver.standing = "hang";
      const startedMs = performance.now();
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      expect(performance.now() - startedMs).toBeLessThan(30_000);
    },
    60_000,
  );

  testWithBinary(
    "of a failure, a cancelled run and one that could not begin",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver, { project: { hooks: { pre_backup: "exit 3" } } });
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 1 });
      expect(events(receiver)).toEqual(["backup_started", "backup_failed"]);
      expect(receiver.accepted[1]?.body).toMatchObject({ status: "failure", error: expect.any(String) });
      expect(receiver.accepted[1]?.body["text"]).toContain("Stage: pre hook | Retry: 0/0");

      const hooks = { pre_backup: "touch ready; sleep 20" };
      await world.configure({
        project: { assets: { paths: [] }, hooks, notification: { type: "webhook", config: { url: "${HOOK_URL}" } } },
      });
      const first = world.run("run", "shop");
      while (!(await Bun.file(join(world.dir, "ready")).exists())) await Bun.sleep(20);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 2 });
      expect(events(receiver).slice(2)).toEqual(["backup_started", "backup_failed"]);
      expect(receiver.accepted[3]?.body["text"]).toContain("Error: ");
      using state = openState(world);
      const { owner } = state.query("select owner from runs where status = 'running'").get() as { owner: string };
      process.kill((JSON.parse(owner) as { pid: number }).pid, "SIGTERM");
      expect(await first).toMatchObject({ exitCode: 130 });
      expect(events(receiver).slice(4)).toEqual(["backup_failed"]);
      expect(receiver.accepted[4]?.body["text"]).toContain("Error: the run was cancelled");
    },
    60_000,
  );

  testWithBinary(
    "of restores, and of a backup that does not verify",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver);
      await world.run("run", "shop");
      await world.run("restore", "shop", "latest", "--into-database", join(world.dir, "copy.db"));
      expect(events(receiver).slice(2)).toEqual(["restore_started", "restore_success"]);
      expect(receiver.accepted[3]?.body["text"]).toContain(`Into: ${join(world.dir, "copy.db")}`);
      const part = (await world.listObjects("disk")).find((name) => name.endsWith(".enc"))!;
      const path = join(world.storagePath("disk"), part);
      await Bun.write(path, new Uint8Array(await Bun.file(path).bytes()).fill(0, 300, 400));
      expect((await world.run("verify", "shop", "latest")).exitCode).not.toBe(0);
      expect(events(receiver).at(-1)).toBe("verify_failed");
    },
    30_000,
  );
});

testWithBinary(
  "a configuration that is not valid is told to the channels that it names",
  async () => {
    await using receiver = startHookReceiver(canary);
    await using world = await openWorld(receiver, { project: { timeout_minutes: -1 } });
    const outcome = await world.run("run", "shop");
    expect(outcome).toMatchObject({ exitCode: 3 });
    expect(events(receiver)).toEqual(["backup_failed"]);
    expect(receiver.accepted[0]?.body).toMatchObject({ project: "shop", status: "failure" });
    expect(receiver.accepted[0]?.body["text"]).toContain("Stage: configuration\nError: the configuration ");
    await world.run("run", "--all");
    expect(receiver.accepted[1]?.body).toMatchObject({ project: null, event: "backup_failed" });
    await world.run("run", "shop", "--dry-run");
    expect(receiver.accepted.length).toBe(2);

    receiver.standing = 503;
    const untold = await world.run("run", "shop");
    expect(untold.stderr).toContain("it will be tried again");
    expect(outcome.stderr + untold.stderr).not.toContain(canary);
    receiver.standing = null;
    await world.configure({
      project: { assets: { paths: [] }, notification: { type: "webhook", config: { url: "${HOOK_URL}" } } },
    });
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
    expect(events(receiver).slice(2)).toEqual(["backup_failed", "backup_started", "backup_success"]);
  },
  30_000,
);

testWithBinary(
  "a file that is no YAML at all is told to the channel of the environment",
  async () => {
    await using receiver = startHookReceiver(canary);
    await using world = await openTestWorld({ env: { NOTIFICATION_TYPE: "webhook", WEBHOOK_URL: receiver.url } });
    await Bun.write(join(world.dir, "backupctl.yml"), "projects: [ {{{\n");
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 3 });
    expect(events(receiver)).toEqual(["backup_failed"]);
  },
  30_000,
);

describe("killed between", () => {
  testWithBinary(
    "keeping a message and sending it: it is sent once, by the next run",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver);
      const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: "notify.kept" }, "run", "shop");
      expect(killed.signal).toBe("SIGKILL");
      expect(receiver.requests).toBe(0);
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const starts = receiver.accepted.filter(({ event }) => event === "backup_started");
      expect(starts.length).toBe(2);
      expect(new Set(starts.map(({ key }) => key)).size).toBe(2);
    },
    30_000,
  );

  testWithBinary(
    "sending a message and noting that it was sent: a second copy has the same key",
    async () => {
      await using receiver = startHookReceiver(canary);
      await using world = await openWorld(receiver);
      const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: "notify.sent" }, "run", "shop");
      expect(killed.signal).toBe("SIGKILL");
      expect(receiver.accepted.length).toBe(1);
      // Nobody sends it while the dead process might still be sending it.
      expect(await world.run("verify", "shop", "latest").then(({ exitCode }) => exitCode)).not.toBe(0);
      expect(receiver.accepted.filter(({ key }) => key === receiver.accepted[0]!.key).length).toBe(1);
      using state = openState(world);
      state.run("update outbox set leased_until = 0");
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const keys = receiver.accepted.map(({ key }) => key);
      expect(keys.filter((key) => key === keys[0]).length).toBe(2);
      expect(events(receiver).at(-1)).toBe("backup_success");
    },
    60_000,
  );
});

testWithBinary(
  "mail, a route for failures alone and three failures in a row",
  async () => {
    await using server = await startSmtpServer();
    await using receiver = startHookReceiver(canary);
    const notifications = [
      {
        type: "email",
        on: ["both"],
        config: {
          smtp_host: "127.0.0.1",
          smtp_port: server.port,
          smtp_secure: false,
          from: "backup@example.test",
          to: "ops@example.test",
        },
      },
      { type: "webhook", on: ["failure"], after_failures: 3, config: { url: "${HOOK_URL}" } },
    ];
    const project = { assets: { paths: [] }, verification: { enabled: false }, hooks: { pre_backup: "test ! -e bad" } };
    await using world = await openTestWorld({ project, file: { notifications }, env: { HOOK_URL: receiver.url } });
    await world.run("run", "shop");
    await Bun.write(join(world.dir, "bad"), "");
    const told: number[] = [];
    for (let failure = 1; failure <= 4; failure += 1) {
      await world.run("run", "shop");
      told.push(receiver.accepted.length);
    }
    expect(told).toEqual([0, 0, 1, 2]);
    const subjects = server.lines.filter((line) => line.startsWith("Subject:"));
    expect(subjects.length).toBe(5);
  },
  60_000,
);

testWithBinary(
  "notify test says which channel failed and what to do, and fails then",
  async () => {
    await using receiver = startHookReceiver(canary);
    await using world = await openWorld(receiver);
    expect(await world.run("notify", "test")).toMatchObject({ exitCode: 0 });
    expect(events(receiver)).toEqual(["test"]);
    receiver.standing = 404;
    const outcome = await world.run("notify", "test", "shop");
    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(outcome.stdout).toContain("the hook does not exist any more: make a new one");
    expect(outcome.stdout + outcome.stderr).not.toContain(canary);
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "succeeded" });
  },
  30_000,
);
