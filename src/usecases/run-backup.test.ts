import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import { back, backUpOnce, expectNothingLeft } from "../../tests/support/run-fake-backup.ts";

const unreachable = (retryable = true): AppError =>
  new AppError("storage_unreachable", "nobody answers", { retryable });
const failed = (text = "it broke"): AppError => new AppError("storage_failed", text);

describe("a backup that succeeds", () => {
  test("lies whole on every storage, is in the catalogue and holds no lock", async () => {
    const world = openTestDeps({ encrypted: true });
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: false, warnings: [], error: null });
    for (const name of ["one", "two"]) {
      expect(world.store(name).keys("manifest.json").length).toBe(1);
      expect(world.store(name).keys(".dump.gz.enc").length).toBe(1);
      expect(world.store(name).disposals.count).toBe(1);
    }
    expect([...world.memory.backups.values()]).toMatchObject([
      { id: run.backupId, storages: ["one", "two"], encryption: "aes-256-gcm", engine: "postgres" },
    ]);
    expect(world.memory.runs.get(run.id)).toMatchObject({ status: "succeeded", backupId: run.backupId });
    expect(world.locks.holders.size).toBe(0);
    expect(world.server.open.size).toBe(0);
  });

  test("tells its events in order: started, stages, finished, and nothing after", async () => {
    const world = openTestDeps();
    await back(world);
    const shape = world.events.flatMap((event) => {
      if (event.type === "stage") return [`${event.record.stage} ${event.record.outcome}`];
      return event.type === "log" || event.type === "progress" ? [] : [event.type];
    });
    const stages = ["dump", "sync", "prune"].flatMap((stage) => [`${stage} running`, `${stage} succeeded`]);
    expect(shape).toEqual(["started", ...stages, "finished"]);
    expect(world.events.at(-1)!.type).toBe("finished");
  });

  test("has the source's warnings, of the look before and of the dump", async () => {
    const world = openTestDeps();
    world.server.faults.probeWarnings = ["an old client"];
    world.server.faults.dumpWarnings = ["a file vanished"];
    expect((await back(world)).warnings).toEqual(["an old client", "a file vanished"]);
  });

  test("goes only to the storages that were asked for, which must be the project's", async () => {
    const world = openTestDeps();
    expect(await back(world, { storages: ["two"] })).toMatchObject({ status: "succeeded", partial: false });
    expect(world.store("one").keys()).toEqual([]);
    expect(await back(world, { storages: ["three"] })).toMatchObject({ status: "failed", error: { code: "usage" } });
  });

  test("names its schedule, and the retention set only when the schedule has a retention", async () => {
    const world = openTestDeps();
    const schedule = { name: "nightly", kind: "backup", type: "daily", cron: "0 2 * * *", timeZone: "UTC" } as const;
    const own = { ...schedule, enabled: true, limits: {}, retention: { keepLast: 1 } };
    const { retention: _retention, ...plain } = own;
    const first = await back(world, { schedule: plain });
    const second = await back(world, { schedule: own });
    expect(first.trigger).toBe("nightly");
    expect(world.memory.backups.get(first.backupId!)!.schedule).toBeNull();
    expect(world.memory.backups.get(second.backupId!)!.schedule).toBe("nightly");
  });

  test("says once that it takes longer than its time-out, and goes on", async () => {
    const world = openTestDeps({ project: { timeoutMs: 5 } });
    world.server.faults.onChunk = () => Bun.sleep(10);
    const run = await back(world);
    expect(run.status).toBe("succeeded");
    expect(run.warnings.filter((warning) => warning.includes("takes longer than timeout_minutes")).length).toBe(1);
  });

  test("is refused while another run of the project is on", async () => {
    const world = openTestDeps();
    await using _held = await world.deps.lock.acquire("shop", "restore");
    await expect(back(world)).rejects.toMatchObject({ code: "lock_held" });
    expect(world.events).toEqual([]);
  });

  test("names a backup that is on in the words that people script against, and who makes it", async () => {
    const world = openTestDeps();
    await using _held = await world.deps.lock.acquire("shop", "backup");
    const refusal = await back(world).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "lock_held", details: { holder: { purpose: "backup" } } });
    expect((refusal as Error).message).toMatch(/^Backup already in progress for shop \(pid \d+ on .+, since 20.+Z\)$/);
  });
});

describe("a backup on some of its storages", () => {
  for (const on of ["probe", "open", "write", "close", "create"] as const) {
    test(`is partial when one fails at ${on}, and leaves nothing there`, async () => {
      const world = openTestDeps({ project: { verification: { ...checksum, enabled: true } } });
      world.store("two").faults.push({ on, error: failed() });
      const run = await back(world);
      expect(run).toMatchObject({ status: "succeeded", partial: true });
      expect(run.result["storages"]).toEqual(["one"]);
      expect(run.result["failedStorages"]).toMatchObject([{ name: "two", code: "storage_failed" }]);
      expect(run.warnings).toEqual(["storage two: it broke"]);
      expect(world.store("one").keys("manifest.json").length).toBe(1);
      expectNothingLeft(world, "two");
    });
  }

  test("is partial when a storage cannot even be opened", async () => {
    const world = openTestDeps();
    world.knobs.openStorage = (name) => {
      if (name === "one") throw failed("no such host key");
    };
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: true, warnings: ["storage one: no such host key"] });
    expect(run.result["storages"]).toEqual(["two"]);
  });

  test("when a copy does not verify, only that storage loses the backup", async () => {
    const world = openTestDeps({ project: { verification: { ...checksum, enabled: true } } });
    const close = world.store("two");
    world.knobs.onPoint = (point) => {
      if (point === "dump.part_durable") close.flip(".dump.gz", 20);
    };
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: true });
    expect(run.warnings[0]).toContain("storage two:");
    expect(world.memory.backups.get(run.backupId!)!.verification).toMatchObject({ passed: true, storage: "one" });
    expect(world.store("one").keys("verified.json").length).toBe(1);
    expectNothingLeft(world, "two");
  });

  test("the structure is checked once, on the first good copy, with the facts of the dump", async () => {
    const world = openTestDeps({ project: { verification: { ...checksum, enabled: true, level: "structure" } } });
    const run = await back(world);
    expect(world.server.facts).toEqual([{ paths: ["shop"], entries: expect.any(Number) as number }]);
    expect(world.memory.backups.get(run.backupId!)!.verification).toMatchObject({ passed: true });
    expect(world.store("two").keys("verified.json").length).toBe(1);
  });

  test("a machine that cannot decrypt proves the stored bytes, and says that this is all", async () => {
    const world = openTestDeps({ encrypted: true, project: { verification: { ...checksum, enabled: true } } });
    const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({ ...real, canDecrypt: false });
    const run = await back(world);
    expect(run.status).toBe("succeeded");
    const { verification } = world.memory.backups.get(run.backupId!)!;
    expect(verification).toMatchObject({ level: "checksum", passed: true });
    expect(verification!.message).toContain("no key to decrypt");
  });

  test("a storage that holds fewer bytes than were written loses the backup", async () => {
    const world = openTestDeps();
    const store = world.store("two");
    const openWriter = store.openWriter.bind(store);
    store.openWriter = async (...args) => {
      const writer = await openWriter(...args);
      return { ...writer, close: async () => ({ ...(await writer.close()), sizeBytes: 3 }) };
    };
    const run = await back(world);
    expect(run).toMatchObject({ status: "succeeded", partial: true });
    expect(run.warnings[0]).toContain("holds 3 bytes");
    expectNothingLeft(world, "two");
  });
});

const checksum = { enabled: false, level: "checksum", rowCounts: "exact", drillOn: "project" } as const;

describe("a backup that fails", () => {
  for (const on of ["probe", "open", "write", "close", "create", "read"] as const) {
    test(`on every storage at ${on} names the storage's error and leaves nothing`, async () => {
      const world = openTestDeps();
      for (const name of ["one", "two"]) world.store(name).faults.push({ on, error: failed(`${name} broke`) });
      const run = await back(world);
      expect(run).toMatchObject({ status: "failed", partial: false, error: { code: "storage_failed", stage: "sync" } });
      expectNothingLeft(world, "one", "two");
      expect(world.memory.backups.size).toBe(0);
    });
  }

  test("because no storage could be opened names why", async () => {
    const world = openTestDeps();
    world.knobs.openStorage = () => {
      throw unreachable();
    };
    expect(await back(world)).toMatchObject({
      status: "failed",
      error: { code: "storage_unreachable", stage: "sync", message: "nobody answers" },
    });
  });

  test("because the project has no storage says so", async () => {
    const world = openTestDeps({ storages: [] });
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "config_invalid" } });
  });

  test("because the source does not answer writes nothing", async () => {
    const world = openTestDeps();
    world.server.faults.probe = new AppError("source_auth_failed", "the password is wrong");
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "source_auth_failed", stage: "dump" } });
    expect(world.store("one").calls).toEqual([]);
  });

  test("because the source does not answer leaves no storage in the middle of its probe", async () => {
    const world = openTestDeps({ storages: ["one"] });
    world.server.faults.probe = new AppError("source_unreachable", "nobody answers");
    const store = world.store("one");
    let probed = false;
    store.probe = async () => {
      await Bun.sleep(10);
      probed = true;
    };
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "source_unreachable" } });
    expect(probed).toBe(true);
  });

  test("because there is no key names the encryption", async () => {
    const world = openTestDeps({ encrypted: true });
    world.knobs.cipher = () => Promise.reject(new AppError("cipher_failed", "the key file is gone"));
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "cipher_failed", stage: "encrypt" } });
    expectNothingLeft(world, "one", "two");
  });

  test("because the key is unusable names the encryption", async () => {
    const world = openTestDeps({ encrypted: true });
    const { openCipher } = world.deps;
    const real = await openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({
      ...real,
      check: () => Promise.reject(new AppError("cipher_failed", "no such key")),
    });
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "cipher_failed", stage: "encrypt" } });
  });

  test.each([
    ["in the middle of its dump", { failAfterBytes: 2_000 }, "source_failed"],
    ["before its first byte", { failAfterBytes: 0 }, "source_failed"],
    ["when it is asked to dump", { dump: new AppError("source_failed", "locked") }, "source_failed"],
    ["when its dump is over", { summary: new AppError("source_failed", "status 1") }, "source_failed"],
    ["by a dump without a byte", { isEmpty: true }, "source_failed"],
    ["by a dump without a part", { hasNoParts: true }, "source_failed"],
  ] as const)("because the source fails %s leaves nothing", async (_when, faults, code) => {
    const world = openTestDeps();
    Object.assign(world.server.faults, faults);
    expect(await back(world)).toMatchObject({ status: "failed", error: { code, stage: "dump" } });
    expectNothingLeft(world, "one", "two");
    expect(world.memory.backups.size).toBe(0);
  });

  test("because the source hangs is ended by the watchdog", async () => {
    const world = openTestDeps({ settings: { stallTimeoutMs: 60 } });
    world.server.faults.hangAfterBytes = 2_000;
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "stalled", stage: "dump" } });
    expectNothingLeft(world, "one", "two");
  });

  test("because the cipher fails half-way names the encryption", async () => {
    const world = openTestDeps({ encrypted: true });
    const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({
      ...real,
      async *encrypt(plain, context, signal) {
        for await (const chunk of real.encrypt(plain, context, signal)) {
          yield chunk;
          throw new AppError("cipher_failed", "the tool ended");
        }
      },
    });
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "cipher_failed", stage: "encrypt" } });
    expectNothingLeft(world, "one", "two");
  });

  test("because no copy verifies commits nothing", async () => {
    const world = openTestDeps({ project: { verification: { ...checksum, enabled: true, level: "structure" } } });
    world.server.faults.verify = new AppError("backup_corrupt", "no table of contents");
    expect(await back(world)).toMatchObject({ status: "failed", error: { code: "backup_corrupt", stage: "verify" } });
    expectNothingLeft(world, "one", "two");
  });

  test("never prunes", async () => {
    const world = openTestDeps({ project: { retention: { keepLast: 1 } } });
    world.project = { ...world.project, retention: null };
    await backUpOnce(world);
    await backUpOnce(world);
    world.project = { ...world.project, retention: { keepLast: 1 } };
    world.server.faults.failAfterBytes = 0;
    expect((await back(world)).status).toBe("failed");
    expect(world.store("one").keys("manifest.json").length).toBe(2);
  });

  test("says what it could not remove", async () => {
    const world = openTestDeps({ storages: ["one"] });
    world
      .store("one")
      .faults.push({ on: "create", error: failed() }, { on: "delete", key: ".dump.gz", error: failed() });
    expect((await back(world)).status).toBe("failed");
    expect(world.log().filter((line) => line.includes("could not remove")).length).toBe(1);
  });
});

describe("retries", () => {
  test("only of what may succeed later, each with a new name, with twice the wait each time", async () => {
    const world = openTestDeps({ storages: ["one"], settings: { retryCount: 3, retryDelayMs: 1_000 } });
    const store = world.store("one");
    store.faults.push({ on: "write", error: unreachable() });
    const running = back(world);
    const waits: number[] = [];
    for (const expected of [1_000, 2_000, 4_000]) {
      while (world.clock.sleepers === 0) await Bun.sleep(1);
      const before = world.clock.monotonicMs();
      await world.clock.advance(expected - 1);
      expect(world.clock.sleepers).toBe(1);
      if (expected === 4_000) store.faults.length = 0;
      await world.clock.advance(1);
      waits.push(world.clock.monotonicMs() - before);
    }
    const run = await running;
    expect(run).toMatchObject({ status: "succeeded", retryCount: 3 });
    expect(waits).toEqual([1_000, 2_000, 4_000]);
    const names = store.calls.filter((call) => call.startsWith("open "));
    expect(names.length).toBe(4);
    expect(new Set(names).size).toBe(4);
    expect(store.keys("manifest.json").length).toBe(1);
    expect(store.keys().length).toBe(2);
  });

  test("end when their number is used", async () => {
    const world = openTestDeps({ storages: ["one"], settings: { retryCount: 1, retryDelayMs: 10 } });
    world.store("one").faults.push({ on: "write", error: unreachable() });
    const running = back(world);
    while (world.clock.sleepers === 0) await Bun.sleep(1);
    await world.clock.advance(10);
    expect(await running).toMatchObject({ status: "failed", retryCount: 1, error: { code: "storage_unreachable" } });
  });

  test("are not made of what cannot be retried", async () => {
    const world = openTestDeps({ storages: ["one"], settings: { retryCount: 3 } });
    world.store("one").faults.push({ on: "write", error: unreachable(false) });
    expect(await back(world)).toMatchObject({ status: "failed", retryCount: 0 });
    expect(world.clock.sleepers).toBe(0);
  });

  test("are not waited for after a cancel", async () => {
    const world = openTestDeps({ storages: ["one"], settings: { retryCount: 3 } });
    world.store("one").faults.push({ on: "write", error: unreachable() });
    const running = back(world);
    while (world.clock.sleepers === 0) await Bun.sleep(1);
    world.abort();
    expect(await running).toMatchObject({ status: "cancelled", error: { code: "cancelled" } });
    expectNothingLeft(world, "one");
  });
});
