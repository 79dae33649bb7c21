// The daemon as a process: on time, caught up, stopped, killed, reloaded.

import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { testWithBinary as test } from "../support/binary.ts";
import { pretendAway, readSlots, startDaemon, until } from "../support/daemon-process.ts";
import { canary, openTestWorld, type World } from "../support/world.ts";

const minute = 60_000;
/** Never due while a test runs. */
const rare = "0 0 29 2 *";
const everyMinute = { cron: "* * * * *" };

async function register(world: World): Promise<void> {
  await using daemon = await startDaemon(world);
  daemon.kill("SIGKILL");
  await daemon.exited;
}

interface HealthJson {
  readonly status: string;
  readonly uptimeSeconds: number;
  readonly stateStore: { readonly ok: boolean };
  readonly disk: { readonly ok: boolean; readonly freeBytes: number };
  readonly daemon: { readonly schedules: number; readonly running: number; readonly nextRunAt: string };
}

interface HistoryJson {
  readonly runs: readonly { readonly status: string; readonly trigger: string; readonly backupId: string }[];
  readonly queued: readonly unknown[];
}

describe("the daemon", () => {
  test("a slot is run on time, once, and everybody can see it", async () => {
    await using world = await openTestWorld({ project: everyMinute });
    await using daemon = await startDaemon(world);
    const due = Math.ceil(Date.now() / minute) * minute;
    await until(
      async () => readSlots(world).some((slot) => slot.outcome !== null),
      75_000,
      () => daemon.output,
    );
    const [slot] = readSlots(world);
    expect(slot).toMatchObject({ project: "shop", schedule: "default", slot_at: due, outcome: "succeeded" });
    const { runs } = (await (await daemon.get("/status/shop")).json()) as HistoryJson;
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({ status: "succeeded", trigger: "default" });
    expect((await world.listObjects("disk"))[0]).toContain("_custom_");
    expect((await world.run("status", "shop")).stdout).toContain(runs[0]!.backupId);
    expect(daemon.output).not.toContain(canary);
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
    expect(existsSync(join(world.dir, "base/.backupctl/daemon.sock"))).toBe(false);
  }, 90_000);

  test("slots that were missed while it was dead are caught up once, and each leaves a record", async () => {
    await using world = await openTestWorld({ project: everyMinute });
    await register(world);
    pretendAway(world, 4 * minute);
    const before = Math.floor(Date.now() / minute) * minute;
    await using daemon = await startDaemon(world);
    await until(
      () => readSlots(world).some((slot) => slot.outcome === "succeeded"),
      15_000,
      () => daemon.output,
    );
    const slots = readSlots(world).filter((slot) => slot.slot_at <= before);
    expect(slots.filter((slot) => slot.status === "done")).toHaveLength(1);
    expect(slots.filter((slot) => slot.status === "skipped").length).toBeGreaterThanOrEqual(3);
    for (const slot of slots.slice(1)) expect(slot.reason).toContain("missed; it is caught up by the slot of");
    daemon.kill("SIGTERM");
    await daemon.exited;
    await using again = await startDaemon(world);
    await Bun.sleep(1_000);
    expect(readSlots(world).filter((slot) => slot.status === "done" && slot.slot_at <= before)).toHaveLength(1);
    expect(again.output).not.toContain("error");
  });

  test("a first SIGTERM waits for the run, whose backup is there in the end", async () => {
    await using world = await openTestWorld({ project: { cron: "0 * * * *", hooks: { pre_backup: "sleep 2" } } });
    await register(world);
    pretendAway(world, 61 * minute);
    await using daemon = await startDaemon(world);
    await until(
      () => daemon.output.includes("backup begins"),
      10_000,
      () => daemon.output,
    );
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
    expect(readSlots(world)[0]).toMatchObject({ status: "done", outcome: "succeeded" });
  });

  test("a SIGTERM at any moment of its start ends it", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    for (const afterMs of [5, 20, 40, 60, 80, 110, 150, 200]) {
      await using daemon = await startDaemon(world, { isExpectedToAnswer: false });
      await Bun.sleep(afterMs);
      daemon.kill("SIGTERM");
      const how = await Promise.race([daemon.exited.then(() => "ended"), Bun.sleep(5_000).then(() => "goes on")]);
      expect([afterMs, how]).toEqual([afterMs, "ended"]);
      expect(existsSync(join(world.dir, "base/.backupctl/daemon/.lock"))).toBe(false);
    }
  }, 60_000);

  test("a stop that takes too long, and a second signal, cancel the run and leave nothing half", async () => {
    for (const how of ["time", "signal"]) {
      await using world = await openTestWorld({ project: { cron: "0 * * * *", hooks: { pre_backup: "sleep 60" } } });
      await register(world);
      pretendAway(world, 61 * minute);
      await using daemon = await startDaemon(world, { args: how === "time" ? ["--stop-timeout", "300ms"] : [] });
      await until(
        () => daemon.output.includes("backup begins"),
        10_000,
        () => daemon.output,
      );
      daemon.kill("SIGTERM");
      if (how === "signal") {
        await Bun.sleep(300);
        daemon.kill("SIGINT");
      }
      expect(await daemon.exited).toBe(130);
      expect(readSlots(world)[0]).toMatchObject({ status: "done", outcome: "cancelled" });
      expect(await world.listObjects("disk")).toEqual([]);
      expect(existsSync(join(world.dir, "base/shop/.lock"))).toBe(false);
    }
  }, 30_000);

  test("--run-timeout ends a run that takes longer and says so", async () => {
    await using world = await openTestWorld({ project: { cron: "0 * * * *", hooks: { pre_backup: "sleep 60" } } });
    await register(world);
    pretendAway(world, 61 * minute);
    await using daemon = await startDaemon(world, { args: ["--run-timeout", "1s"] });
    await until(
      () => readSlots(world)[0]?.outcome === "failed",
      15_000,
      () => daemon.output,
    );
    expect(readSlots(world)[0]!.reason).toContain("took longer than --run-timeout (1 s)");
    expect((await world.run("status", "shop")).stdout).toContain("took longer than");
  });

  test("a reload takes a good file, refuses a bad one with all its problems, and SIGHUP does the same", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    await using daemon = await startDaemon(world);
    const count = async (): Promise<number> =>
      ((await (await daemon.get("/health")).json()) as HealthJson).daemon.schedules;
    const before = await count();
    await world.configure({
      project: { schedules: [rare, "0 0 28 2 *"].map((cron, index) => ({ name: `s${index}`, cron })) },
    });
    const good = await world.run("config", "reload");
    expect(good).toMatchObject({ exitCode: 0 });
    expect(await count()).toBe(before + 1);
    await world.configure({ project: { cron: "61 * * * *", timout_minutes: 3 } });
    const bad = await world.run("config", "reload");
    expect(bad.exitCode).toBe(3);
    expect(bad.stderr).toContain("timout_minutes");
    expect(bad.stderr).toContain("cron");
    expect(await count()).toBe(before + 1);
    daemon.kill("SIGHUP");
    await until(
      () => daemon.output.includes("the configuration that was read before stays"),
      5_000,
      () => daemon.output,
    );
    await world.configure({ project: { cron: rare } });
    daemon.kill("SIGHUP");
    await until(
      async () => (await count()) === before,
      5_000,
      () => daemon.output,
    );
    const moved = await world.run("config", "reload", "--json");
    expect(JSON.parse(moved.stdout)).toMatchObject({ reloaded: true, projects: 1 });
  });

  test("a second daemon is refused by name, a dead one's socket is replaced", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    expect(await world.run("config", "reload")).toMatchObject({ exitCode: 4 });
    const daemon = await startDaemon(world);
    const socket = join(world.dir, "base/.backupctl/daemon.sock");
    expect([(await stat(socket)).mode & 0o777, (await stat(join(socket, ".."))).mode & 0o777]).toEqual([0o600, 0o700]);
    const second = await world.run("daemon");
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toContain(`a daemon runs already for ${join(world.dir, "base")} (process ${daemon.pid}`);
    daemon.kill("SIGKILL");
    await daemon.exited;
    expect(existsSync(socket)).toBe(true);
    expect(await world.run("config", "reload")).toMatchObject({ exitCode: 4 });
    await using third = await startDaemon(world);
    expect(await world.run("config", "reload")).toMatchObject({ exitCode: 0 });
    expect(third.pid).not.toBe(daemon.pid);
  });

  test("a port that is taken is named with what to do", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    using taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("mine") });
    const listen = `127.0.0.1:${taken.port}`;
    await using daemon = await startDaemon(world, { env: { LISTEN: listen }, isExpectedToAnswer: false });
    expect(await daemon.exited).toBe(1);
    expect(daemon.output).toContain(`the address ${listen} cannot be listened on: it is in use`);
    expect(daemon.output).toContain("set LISTEN to another port");
  });

  test("a project that the command line works on waits for it", async () => {
    await using world = await openTestWorld({ project: { cron: "0 * * * *", hooks: { pre_backup: "sleep 2" } } });
    await register(world);
    pretendAway(world, 61 * minute);
    const byHand = world.run("run", "shop");
    await until(() => existsSync(join(world.dir, "base/shop/.lock")), 10_000);
    await using daemon = await startDaemon(world);
    await until(() => readSlots(world)[0]?.reason?.includes("waits for the backup of process") === true, 10_000);
    expect((await world.run("status")).stdout).toContain("queued  shop: backup of default");
    expect((await byHand).exitCode).toBe(0);
    await until(
      () => readSlots(world)[0]?.outcome === "succeeded",
      15_000,
      () => daemon.output,
    );
  }, 30_000);

  test("watch shows a run of the daemon while it is on, and how it ended", async () => {
    await using world = await openTestWorld({ project: { cron: "0 * * * *", hooks: { pre_backup: "sleep 2" } } });
    await register(world);
    pretendAway(world, 61 * minute);
    await using daemon = await startDaemon(world);
    await until(
      () => daemon.output.includes("backup begins"),
      10_000,
      () => daemon.output,
    );
    const shown = await world.run("watch", "--once");
    expect(shown.exitCode).toBe(0);
    expect(shown.stdout).toContain("committed on disk");
    expect(shown.stdout).toMatch(/shop: backup \w+ succeeded/);
  });
});

describe("the daemon over HTTP", () => {
  test("health tells of state store, disk, uptime and the engine", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    await using daemon = await startDaemon(world);
    const response = await daemon.get("/health");
    expect(response.status).toBe(200);
    const health = (await response.json()) as HealthJson;
    expect(health).toMatchObject({ status: "healthy", stateStore: { ok: true }, disk: { ok: true } });
    expect(health.disk.freeBytes).toBeGreaterThan(0);
    expect(health.daemon.schedules).toBe(3);
    expect((await daemon.get("/health", { method: "HEAD" })).status).toBe(200);
    const { projects } = (await (await daemon.get("/status")).json()) as { projects: unknown[] };
    expect(projects).toHaveLength(1);
    expect(projects[0]).toMatchObject({ project: "shop", enabled: true, lastRun: null, queued: [], alerts: [] });
  });

  test("a disk with too little room makes it unhealthy", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    await using daemon = await startDaemon(world, { env: { HEALTH_DISK_MIN_FREE_GB: "999999" } });
    const response = await daemon.get("/health");
    expect(response.status).toBe(503);
    expect(((await response.json()) as HealthJson).status).toBe("unhealthy");
  });

  test("what does not exist, or makes no sense, is answered in JSON and harms nothing", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    await using daemon = await startDaemon(world);
    for (const [path, status] of [
      ["/", 404],
      ["/status/absent", 404],
      ["/status/%ff%00", 404],
      ["/status/..%2f..%2fetc%2fpasswd", 404],
      ["/status/shop/../../../etc/passwd", 404],
      [`/status/${"x".repeat(4_000)}`, 404],
      ["/status/shop?last=0", 400],
      ["/status/shop?last=1e3", 400],
      ["/status/shop?last=501", 400],
      ["/status/shop?offset=-1", 400],
    ] as const) {
      const response = await daemon.get(path);
      expect([path, response.status]).toEqual([path, status]);
      expect(response.headers.get("content-type")).toContain("application/json");
      const text = await response.text();
      expect(Object.keys(JSON.parse(text) as object)).toEqual(["error"]);
      expect(text).not.toContain(canary);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      expect((await daemon.get("/status", { method })).status).toBe(405);
    }
    expect((await daemon.get("/health")).status).toBe(200);
  });

  test("clients that never finish their request do not keep others from being answered", async () => {
    await using world = await openTestWorld({ project: { cron: rare } });
    await using daemon = await startDaemon(world);
    const port = Number(new URL(daemon.url).port);
    const slow = await Promise.all(
      Array.from({ length: 100 }, () =>
        Bun.connect({
          hostname: "127.0.0.1",
          port,
          socket: { open: (socket) => void socket.write("GET /health HTTP/1.1\r\nHost: a\r\nX-"), data() {} },
        }),
      ),
    );
    const startedMs = performance.now();
    expect((await daemon.get("/health")).status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    for (const socket of slow) socket.terminate();
  });
});
