import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { HealthCheck } from "../domain/health/health-check.ts";
import { worstStatus } from "../domain/health/health-check.ts";
import { day, openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { untilAborted } from "../../tests/support/fake-source.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { checkHealth, type HealthRequest } from "./check-health.ts";

const schedule = {
  name: "nightly",
  kind: "backup",
  type: "daily",
  cron: "0 2 * * *",
  timeZone: "UTC",
  enabled: true,
  limits: {},
} as const;

function look(world: TestDeps, changes: Partial<HealthRequest> = {}): Promise<readonly HealthCheck[]> {
  const storages = ["one", "two"].map((name) => ({ name, type: "local", settings: {}, isDefault: false }));
  const configuration = { projects: [world.project], storages };
  return checkHealth(world.deps, { configuration, scope: "all", signal: world.signal, ...changes });
}

const named = (checks: readonly HealthCheck[], name: string): HealthCheck => checks.find((one) => one.name === name)!;

test("everything that a backup needs is looked at, in the order of the configuration", async () => {
  const world = openTestDeps({ encrypted: true, project: { schedules: [schedule] } });
  await world.deps.state.migrate();
  await backUpOnce(world);
  const checks = await look(world);
  expect(checks.map(({ name, status }) => `${name} ${status}`)).toEqual([
    "state store ok",
    "disk ok",
    "storage one ok",
    "storage two ok",
    "source shop/database ok",
    "encryption shop ok",
    "notifications ok",
    "backups shop ok",
  ]);
  expect(worstStatus(checks)).toBe("ok");
  expect(named(checks, "backups shop").detail).toBe("the newest backup is 0 min old");
});

test("a repository is opened with its password, and one that is not there yet is told of", async () => {
  const world = openTestDeps({ repositories: ["vault"] });
  const storages = [{ name: "vault", type: "restic", settings: {}, isDefault: false }];
  const configuration = { projects: [], storages };
  const vault = async (): Promise<HealthCheck> => named(await look(world, { configuration }), "storage vault");
  expect(await vault()).toMatchObject({ status: "ok", detail: "fake:vault, repository fake, fake 1.0" });
  world.repository("vault").probe = async () => ({ program: "fake 1.0", repositoryId: null });
  expect(await vault()).toMatchObject({ status: "warning", detail: expect.stringContaining("no repository yet") });
  world.repository("vault").probe = () => Promise.reject(new AppError("storage_auth_failed", "wrong password"));
  expect(await vault()).toMatchObject({ status: "failed", code: "storage_auth_failed" });
});

test("a state store whose schema is old says how to bring it up to date", async () => {
  const check = named(await look(openTestDeps()), "state store");
  expect(check).toMatchObject({ status: "warning", hint: "run backupctl db migrate" });
});

test("the service itself is asked without touching storages and sources", async () => {
  const world = openTestDeps();
  const checks = await look(world, { scope: "service" });
  expect(checks.map(({ name }) => name)).toEqual(["state store", "disk"]);
  expect([...world.server.calls, ...world.store("one").calls]).toEqual([]);
});

describe("a check that fails", () => {
  test("names its error and leaves the others their answers", async () => {
    const world = openTestDeps({ encrypted: true, settings: { diskMinFreeBytes: 0 } });
    const offline = new AppError("source_unreachable", "no route", { hint: "see the network", retryable: true });
    world.server.faults.probe = offline;
    world.knobs.onState = () => Promise.reject(new AppError("state_failed", "the file is gone"));
    world.knobs.cipher = () => Promise.reject(new AppError("wrong_key", "the key file is empty"));
    world.knobs.openStorage = (name) => {
      if (name === "two") throw new AppError("storage_auth_failed", "refused");
    };
    const checks = await look(world);
    expect(checks.map(({ status, code }) => `${status} ${code}`)).toEqual([
      "failed state_failed",
      "ok null",
      "ok null",
      "failed storage_auth_failed",
      "failed source_unreachable",
      "failed wrong_key",
      "failed state_failed",
      "failed state_failed",
    ]);
    expect(named(checks, "source shop/database")).toMatchObject({ detail: "no route", hint: "see the network" });
    expect(worstStatus(checks)).toBe("failed");
  });

  test("carries the host key that somebody may agree to", async () => {
    const world = openTestDeps();
    const unknownHost = { host: "box", keyType: "t", fingerprint: "SHA256:x", knownHostsPath: "/k", line: "box t x" };
    world.knobs.openStorage = () => {
      throw new AppError("storage_auth_failed", "unknown", { details: { unknownHost } });
    };
    expect(named(await look(world), "storage one").unknownHost).toEqual(unknownHost);
  });

  for (const hears of [true, false]) {
    test(`by hanging is given up after its time (${hears ? "it hears the signal" : "it hears nothing"})`, async () => {
      const world = openTestDeps({ storages: ["one", "two"] });
      let stopped = false;
      world.store("one").probe = async (signal) => {
        if (!hears) return new Promise(() => {});
        await untilAborted(signal).finally(() => (stopped = true));
      };
      const order: string[] = [];
      const looking = look(world, { timeoutMs: 5_000, onCheck: ({ name }) => order.push(name) });
      await world.clock.advance(5_000);
      const checks = await looking;
      expect(named(checks, "storage one")).toMatchObject({ status: "failed", code: "timed_out", durationMs: 5_000 });
      expect(named(checks, "storage two").status).toBe("ok");
      expect(order.at(-1)).toBe("storage one");
      await Bun.sleep(1);
      expect(stopped).toBe(hears);
      expect(world.clock.sleepers).toBe(0);
    });
  }

  test("by many at once keeps the state store and the disk from nobody", async () => {
    const world = openTestDeps();
    await world.deps.state.migrate();
    const sources = Array.from({ length: 40 }, (_, i) => ({ name: `s${i}`, type: "postgres", settings: {} }));
    world.project = { ...world.project, sources };
    world.deps.openSource = () => new Promise(() => {});
    const looking = look(world, { timeoutMs: 1_000 });
    for (let round = 0; round < 4; round++) await world.clock.advance(1_000);
    const checks = await looking;
    expect(checks.filter(({ code }) => code === "timed_out")).toHaveLength(40);
    expect(named(checks, "state store").status).toBe("ok");
  });

  test("by a cancel ends the whole", async () => {
    const world = openTestDeps();
    world.store("one").probe = (signal) => untilAborted(signal);
    const looking = look(world);
    await Bun.sleep(1);
    world.abort();
    await expect(looking).rejects.toMatchObject({ code: "cancelled" });
  });
});

test("too little room on the disk of the backups fails", async () => {
  const world = openTestDeps({ settings: { diskMinFreeBytes: 1e18 } });
  const directory = await world.deps.openDirectory("/base", () => {});
  directory.freeBytes = async () => 5_000;
  expect(named(await look(world), "disk")).toMatchObject({ status: "failed", code: "disk_full" });
});

test("an old client program is a warning that keeps the exit code", async () => {
  const world = openTestDeps();
  world.server.faults.probeWarnings = ["PostgreSQL client 15.1 has known security holes"];
  const check = named(await look(world), "source shop/database");
  expect(check).toMatchObject({ status: "warning", code: null });
  expect(check.detail).toContain("known security holes");
});

test("a project that is switched off is not looked at", async () => {
  const world = openTestDeps({ project: { enabled: false } });
  const shared = ["state store", "disk", "storage one", "storage two", "notifications"];
  expect((await look(world)).map(({ name }) => name)).toEqual(shared);
});

test("a message that could not be sent yet is told of", async () => {
  const world = openTestDeps();
  const notice = {
    id: "n",
    event: "test",
    project: "shop",
    subject: "s",
    text: "t",
    data: { project_name: "shop" },
  } as const;
  await world.deps.state.addNotifications([{ id: "n", channel: "ops", notice, createdAt: 0 }]);
  expect(named(await look(world), "notifications")).toMatchObject({ status: "ok", detail: "1 wait to be sent" });
  await world.deps.state.claimNotification({ channel: "ops", holder: "me", now: 1, leaseMs: 1_000 });
  const outcome = { status: "pending", nextAttemptAt: 9, error: "refused" } as const;
  await world.deps.state.settleNotification("n", "me", outcome);
  const check = named(await look(world), "notifications");
  expect(check).toMatchObject({ status: "warning", detail: "1 could not be sent yet (ops): refused" });
});

describe("the newest backup", () => {
  test("that never was is a warning, and a failure when it was tried", async () => {
    const world = openTestDeps({ project: { schedules: [schedule] } });
    expect(named(await look(world), "backups shop")).toMatchObject({ status: "warning", detail: "never backed up" });
    world.server.faults.dump = new AppError("source_failed", "the dump broke");
    await backUpOnce(world).catch(() => {});
    const check = named(await look(world), "backups shop");
    expect(check).toMatchObject({ status: "failed", detail: "never backed up: the dump broke" });
  });

  test("is a failure when its schedule should have renewed it, and says why it did not", async () => {
    const world = openTestDeps({ project: { schedules: [schedule] } });
    await backUpOnce(world);
    await world.clock.advance(day);
    world.server.faults.dump = new AppError("source_failed", "the dump broke");
    await backUpOnce(world).catch(() => {});
    const failing = named(await look(world), "backups shop");
    expect(failing.status).toBe("warning");
    expect(failing.detail).toBe("the newest backup is 1 d 0 h old; the last run failed: the dump broke");
    await world.clock.advance(day + 90 * 60_000);
    const stale = named(await look(world), "backups shop");
    expect(stale.status).toBe("failed");
    expect(stale.detail).toBe(
      "the newest backup is 2 d 1 h old, by its schedule it may be 2 d 0 h; the last run failed: the dump broke",
    );
  });

  test("without a schedule has no age that is too old", async () => {
    const world = openTestDeps();
    await backUpOnce(world);
    await world.clock.advance(400 * day);
    const check = named(await look(world), "backups shop");
    expect(check).toMatchObject({ status: "ok", detail: "the newest backup is 400 d 0 h old; no schedule renews it" });
  });
});
