import { describe, expect, test } from "bun:test";
import { AppError } from "../domain/error.ts";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { checkConnections } from "./check-connections.ts";
import { dryRunBackup } from "./dry-run-backup.ts";
import { formatBytes, type Check } from "./preflight.ts";

const request = (world: TestDeps, storages?: readonly string[]) => ({
  project: world.project,
  storages,
  log: () => {},
  signal: world.signal,
});
const shown = (checks: readonly Check[]): string[] =>
  checks.map(({ name, passed, detail }) => `${passed ? "ok" : "FAIL"} ${name}: ${detail}`);

function openWorld(options: TestDepsOptions = {}): TestDeps {
  const channels = [{ name: "ops", type: "slack", settings: {}, on: ["both"] as const, projects: [] }];
  return openTestDeps({ ...options, project: { channels, ...options.project } });
}

describe("a dry run", () => {
  test("looks at the lock, the source, every storage and the key, and writes nothing", async () => {
    const world = openWorld({ encrypted: true });
    const checks = shown(await dryRunBackup(world.deps, request(world)));
    expect(checks).toEqual([
      "ok lock: free",
      "ok configuration: valid: 1 source, 2 storages, 0 schedules, no retention",
      "ok adapters: sources postgres; channels slack",
      "ok source database: shop: Fake 1.0, fakedump 1.0, about 7.0 KB",
      "ok storage one: memory:one",
      "ok storage two: memory:two",
      expect.stringMatching(/^ok encryption: aes-256-gcm, key [0-9a-f]{16}$/) as string,
      "ok disk space: /base, free space cannot be told",
    ]);
    for (const name of ["one", "two"]) expect(world.store(name).keys()).toEqual([]);
    expect(world.server.calls).toEqual([]);
    expect(world.events).toEqual([]);
  });

  test("names all that is wrong at once", async () => {
    const world = openWorld({ storages: ["one", "two", "three"], encrypted: true });
    world.server.faults.probe = new AppError("source_auth_failed", "the password is wrong", { hint: "mend it" });
    world.store("one").faults.push({ on: "probe", error: new AppError("disk_full", "no room") });
    world.knobs.openStorage = (name) => {
      if (name === "two") throw new Error("no such module");
    };
    world.knobs.cipher = () => Promise.reject(new AppError("cipher_failed", "no such key"));
    await using _held = await world.deps.lock.acquire("shop", "restore");
    const checks = await dryRunBackup(world.deps, request(world));
    expect(shown(checks)).toEqual([
      expect.stringContaining("FAIL lock: held by process") as string,
      expect.stringMatching(/^ok configuration/) as string,
      expect.stringMatching(/^ok adapters/) as string,
      "FAIL source database: the password is wrong",
      "FAIL storage two: no such module",
      "FAIL storage one: no room",
      "ok storage three: memory:three",
      "FAIL encryption: no such key",
      expect.stringMatching(/^ok disk space/) as string,
    ]);
    expect(checks[3]!.hint).toBe("mend it");
  });

  test("takes only the storages that were asked for", async () => {
    const world = openWorld();
    const checks = await dryRunBackup(world.deps, request(world, ["two"]));
    expect(checks.map(({ name }) => name)).toEqual([
      "lock",
      "configuration",
      "adapters",
      "source database",
      "storage two",
      "disk space",
    ]);
  });

  test("wants room where free space can be asked", async () => {
    const world = openWorld({ storages: ["one"], settings: { diskMinFreeBytes: 1_000_000_000 } });
    const store = world.store("one");
    let freeBytes = 999_999_999;
    const capabilities = { ...store.capabilities, freeSpace: true };
    Object.assign(store, { capabilities, freeBytes: async () => freeBytes });
    const ask = async () => (await dryRunBackup(world.deps, request(world))).find(({ name }) => name === "storage one");
    const low = await ask();
    expect(low).toMatchObject({ passed: false, error: { code: "disk_full" } });
    expect(low!.hint).toContain("HEALTH_DISK_MIN_FREE_GB");
    freeBytes = 1_500_000_000;
    const enough = await ask();
    expect(enough).toMatchObject({ passed: true, detail: "memory:one, 1.5 GB free" });
  });

  test("says when this machine cannot decrypt, and leaves out what a source does not tell", async () => {
    const world = openWorld({
      encrypted: true,
      project: { sources: [{ name: "assets", type: "files", settings: { paths: ["/uploads"] } }] },
    });
    world.server.databases.set("/uploads", new Map([["a", []]]));
    const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({ ...real, canDecrypt: false });
    const checks = shown(await dryRunBackup(world.deps, request(world)));
    expect(checks).toContain("ok source assets: /uploads: Fake 1.0");
    expect(checks.find((line) => line.includes("encryption"))).toEndWith(", this machine cannot decrypt");
  });
});

describe("a dry run of a project with a repository", () => {
  const repositoryOf = (world: TestDeps) => world.repository("vault");

  test("lists the project's snapshots, tells of SSH, and changes nothing", async () => {
    const world = openTestDeps({ repositories: ["vault"], settings: { diskMinFreeBytes: 5_000 } });
    Object.assign(repositoryOf(world), { ssh: { login: "u@box", connect: async () => {} } });
    await world.deps.openDirectory("/base", () => {});
    Object.assign(world.directories.get("/base")!, { freeBytes: async () => 4_000 });
    const checks = await dryRunBackup(world.deps, request(world));
    expect(shown(checks)).toEqual([
      "ok lock: free",
      "ok configuration: valid: 1 source, 1 storage, 0 schedules, no retention",
      "ok adapters: sources postgres; no channels",
      expect.stringMatching(/^ok source database/) as string,
      "ok storage vault: fake:vault, 0 snapshots of shop",
      "ok ssh u@box: connected and logged in",
      "FAIL disk space: 4.0 KB are free in /base, 5.0 KB are required",
    ]);
    expect(checks.at(-1)!.hint).toContain("HEALTH_DISK_MIN_FREE_GB");
    expect(repositoryOf(world).calls).toEqual(["list project:shop"]);
    expect(repositoryOf(world).kept).toEqual([]);
  });

  test("tells a connection that fails from a repository that is not there", async () => {
    for (const [code, isReached] of [
      ["repository_not_found", true],
      ["storage_unreachable", false],
    ] as const) {
      const world = openTestDeps({ repositories: ["vault"] });
      const fault = new AppError(code, "no", { hint: "do it" });
      const connect = async (): Promise<void> => {
        if (!isReached) throw fault;
      };
      Object.assign(repositoryOf(world), { ssh: { login: "u@box", connect } });
      repositoryOf(world).faults.push({ on: "list", error: fault });
      const checks = await dryRunBackup(world.deps, request(world));
      const find = (name: string) => checks.find((check) => check.name === name);
      expect(find("storage vault")).toMatchObject({ passed: false, hint: "do it", error: { code } });
      expect(find("ssh u@box")).toMatchObject({ passed: isReached });
    }
  });
});

describe("checking connections", () => {
  test("sends a message to each channel and says nothing of the lock", async () => {
    const world = openWorld();
    const checks = shown(await checkConnections(world.deps, request(world)));
    expect(checks.map((line) => line.split(":")[0])).toEqual([
      "ok source database",
      "ok storage one",
      "ok storage two",
      "ok channel ops",
    ]);
    expect(world.notices).toMatchObject([{ event: "test", project: "shop" }]);
  });

  test("names a channel that does not take it", async () => {
    const world = openWorld();
    world.knobs.notify = () => {
      throw new AppError("notification_failed", "404", { hint: "look at the URL" });
    };
    expect((await checkConnections(world.deps, request(world))).at(-1)).toMatchObject({
      name: "channel ops",
      passed: false,
      detail: "404",
      hint: "look at the URL",
    });
    world.knobs.notify = () => {
      throw new Error("socket");
    };
    expect((await checkConnections(world.deps, request(world))).at(-1)).toMatchObject({ passed: false, hint: null });
  });
});

test("bytes are shown in units of a thousand", () => {
  const sizes = [0, 999, 1_000, 1_550, 99_900, 100_000, 5e9, 3e21];
  expect(sizes.map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 KB",
    "1.6 KB",
    "99.9 KB",
    "100 KB",
    "5.0 GB",
    "3000000 PB",
  ]);
});
