// What a daemon tells people that is not of one run: alerts to a real receiver of webhooks and a real mail server, and that
// it cannot begin at all.

import { describe, expect } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { testWithBinary as test } from "../support/binary.ts";
import { startDaemon, until } from "../support/daemon-process.ts";
import { startHookReceiver } from "../support/hook-receiver.ts";
import { startSmtpServer } from "../support/smtp-server.ts";
import { openTestWorld, type World } from "../support/world.ts";

const canary = "canary-alert-hook-91";
const hour = 3_600_000;

function change(world: World, sql: string, ...values: (string | number)[]): void {
  using database = new Database(join(world.env["BACKUP_BASE_DIR"]!, ".backupctl/state.db"));
  database.run("PRAGMA busy_timeout = 5000");
  database.run(sql, values);
}

describe("a daemon", () => {
  test("tells of a backup that is too old and of one that did not start, by webhook and mail, once, and when it is over", async () => {
    await using receiver = startHookReceiver(canary);
    await using mail = await startSmtpServer();
    await using world = await openTestWorld({
      env: { HOOK_URL: receiver.url },
      project: { cron: "0 3 * * *", rpo_minutes: 60 },
      file: {
        notifications: [
          { type: "webhook", on: ["failure", "success"], config: { url: "${HOOK_URL}" } },
          {
            type: "email",
            on: ["failure", "success"],
            config: {
              smtp_host: "127.0.0.1",
              smtp_port: mail.port,
              smtp_secure: false,
              from: "backup@example.org",
              to: "ops@example.org",
            },
          },
        ],
      },
    });
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
    const old = Date.now() - 2 * hour;
    change(world, "UPDATE runs SET created_at = ?, started_at = ?, finished_at = ?", old, old, old + 1000);
    // A slot that somebody took and never ran.
    const slot = Date.now() - 90 * 60_000;
    change(
      world,
      `INSERT INTO schedule_slots (project, schedule, slot_at, kind, status, owner, recorded_at)
       VALUES ('shop', 'default', ?, 'backup', 'queued', ?, ?)`,
      slot,
      JSON.stringify({ host: "elsewhere", bootId: "b", pid: 1, startTicks: "1" }),
      // It was heard of just now: another daemon does not take the slot from it yet.
      Date.now(),
    );
    const ofEvent = (event: string) => receiver.accepted.filter((accepted) => accepted.event === event);
    const mails = (): number => mail.lines.filter((line) => line === "DATA").length;
    await using daemon = await startDaemon(world);
    const describe = (): string => daemon.output;
    await until(() => ofEvent("alert").length === 2 && mails() >= 3, 100_000, describe);
    const titles = ofEvent("alert").map(({ body }) => String(body["text"]).split("\n")[0]!);
    expect(titles.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "🚨 Backup did not start — shop",
      "🚨 Backup too old — shop",
    ]);
    const ofRpo = ofEvent("alert").find(({ body }) => body["data"]["alert"] === "rpo")!;
    expect(ofRpo.body).toMatchObject({ project: "shop", data: { alert: "rpo", resolved_at: null } });
    expect(ofRpo.body["text"]).toContain("is older than rpo_minutes (1 h)");
    // Everybody who looks sees them.
    const { alerts } = (await (await daemon.get("/status/shop")).json()) as { alerts: { kind: string }[] };
    expect(alerts.map(({ kind }) => kind).toSorted()).toEqual(["did_not_start", "rpo"]);

    change(world, "UPDATE schedule_slots SET status = 'skipped' WHERE status = 'queued' AND slot_at = ?", slot);
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
    await until(() => ofEvent("alert_resolved").length === 2, 100_000, describe);
    expect(ofEvent("alert")).toHaveLength(2);
    // Three of this round: the backup, and each alert that ended.
    await until(() => mails() >= 6, 30_000, describe);
    expect(mails()).toBe(6);
    expect(mail.lines.join("\n")).toContain("It no longer holds");
    expect(daemon.output).not.toContain(canary);
  }, 300_000);
});

describe("a daemon that cannot begin because of its configuration", () => {
  test("ends with exit code 3, names every fault where logs show it, and tells the channels once", async () => {
    await using receiver = startHookReceiver(canary);
    await using world = await openTestWorld({ env: { HOOK_URL: receiver.url } });
    const good = {
      version: 1,
      storage: [{ name: "disk", type: "local", local: { path: world.storagePath("disk") } }],
      projects: [
        {
          name: "shop",
          cron: "0 3 * * *",
          database: { type: "sqlite", path: world.databasePath },
          storage: "disk",
          retention: { keep_last: 1 },
        },
      ],
      notifications: [{ type: "webhook", on: ["failure"], config: { url: "${HOOK_URL}" } }],
    };
    const write = (content: unknown) => writeFile(join(world.dir, "backupctl.yml"), JSON.stringify(content, null, 2));
    const start = async () => {
      const daemon = await startDaemon(world, { isExpectedToAnswer: false });
      return { code: await daemon.exited, output: daemon.output };
    };
    await write({ ...good, projects: [{ ...good.projects[0], cron: "every night", retenton: {} }] });
    for (let n = 0; n < 3; n++) {
      const { code, output } = await start();
      expect(code).toBe(3);
      expect(output).toContain("retenton");
      expect(output).toContain("cron");
      expect(output).not.toContain(canary);
    }
    expect(receiver.accepted.map(({ event }) => event)).toEqual(["backup_failed"]);
    expect(receiver.accepted[0]!.body["text"]).toStartWith("❌ Backup failed — all projects\nStage: configuration");
    // Another fault is news, and so is the same one after it had been mended.
    await write({ ...good, projects: [{ ...good.projects[0], cron: "0 25 * * *" }] });
    expect((await start()).code).toBe(3);
    expect(receiver.accepted).toHaveLength(2);
    await write(good);
    {
      await using daemon = await startDaemon(world);
      // A reload that is refused is told to who asked for it.
      await write({ ...good, projects: [{ ...good.projects[0], cron: "0 25 * * *" }] });
      expect((await world.run("config", "reload")).exitCode).toBe(3);
      daemon.kill("SIGTERM");
      expect(await daemon.exited).toBe(0);
    }
    expect(receiver.accepted).toHaveLength(2);
    expect((await start()).code).toBe(3);
    expect(receiver.accepted).toHaveLength(3);
  }, 60_000);

  test("tells nobody when the file is not there: that is how it is installed", async () => {
    await using receiver = startHookReceiver(canary);
    await using world = await openTestWorld({ env: { WEBHOOK_URL: receiver.url, NOTIFICATION_TYPE: "webhook" } });
    await Bun.file(join(world.dir, "backupctl.yml")).delete();
    await using daemon = await startDaemon(world, { isExpectedToAnswer: false });
    expect(await daemon.exited).toBe(3);
    expect(receiver.requests).toBe(0);
  });
});
