import { describe, expect, test } from "bun:test";
import type { Verification } from "../domain/backup/backup.ts";
import { AppError } from "../domain/error.ts";
import type { Run } from "../domain/run/run.ts";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { tablesOf } from "../../tests/support/fake-source.ts";
import { verifyBackup, type VerifyRequest } from "./verify-backup.ts";

const counting = { enabled: true, level: "checksum", rowCounts: "exact", drillOn: "project" } as const;

async function filled(options: TestDepsOptions = {}): Promise<TestDeps> {
  const world = openTestDeps({ ...options, project: { verification: counting, ...options.project } });
  world.server.faults.hasGlobals = true;
  await backUpOnce(world);
  world.server.calls.length = 0;
  world.server.facts.length = 0;
  return world;
}

async function verify(
  world: TestDeps,
  level: VerifyRequest["level"],
  changes: Partial<VerifyRequest> = {},
): Promise<Run> {
  const { project, signal } = world;
  const run = await verifyBackup(world.deps, { project, reference: "latest", level, signal, ...changes });
  await world.flush();
  return run;
}

const resultsOf = (run: Run): readonly Verification[] => run.result["verifications"] as readonly Verification[];
const resultOn = (world: TestDeps, storage: string): Verification => {
  const [key] = world.store(storage).keys("verified.json");
  return JSON.parse(Buffer.from(world.store(storage).objects.get(key!)!.bytes).toString()) as Verification;
};

describe("verifying", () => {
  for (const encrypted of [true, false]) {
    for (const level of ["checksum", "structure", "restore"] as const) {
      test(`by ${level} passes on every storage that holds it (${encrypted ? "encrypted" : "plain"})`, async () => {
        const world = await filled({ encrypted });
        const run = await verify(world, level);
        expect(run).toMatchObject({ status: "succeeded", kind: "verify", trigger: "manual", error: null });
        expect(resultsOf(run).map(({ storage, passed }) => [storage, passed])).toEqual([
          ["one", true],
          ["two", true],
        ]);
        for (const name of ["one", "two"]) expect(resultOn(world, name)).toMatchObject({ level, passed: true });
        expect(world.memory.backups.get(run.backupId!)!.verification).toMatchObject({ level, passed: true });
      });
    }
  }

  test("gives the engine the facts of the dump", async () => {
    const world = await filled();
    await verify(world, "structure", { storage: "two" });
    expect(world.server.facts.map((facts) => facts["paths"])).toEqual([["shop"], ["shop"]]);
  });

  test("judges each storage by itself, tries all and fails when one fails", async () => {
    const world = await filled();
    world.store("one").flip(".dump.gz", 40);
    const run = await verify(world, "checksum");
    expect(run).toMatchObject({ status: "failed", error: { code: "verify_failed", stage: "verify" } });
    expect(run.error!.message).toContain("failed checksum on one:");
    expect(resultsOf(run).map(({ passed }) => passed)).toEqual([false, true]);
    expect(resultOn(world, "one").passed).toBe(false);
    expect(resultOn(world, "two").passed).toBe(true);
  });

  const damages: Record<string, (world: TestDeps) => void> = {
    "a part that was cut": (world) => {
      const [key] = world.store("one").keys(".dump.gz");
      const { bytes } = world.store("one").objects.get(key!)!;
      world.store("one").objects.set(key!, { bytes: bytes.subarray(0, -5), modifiedAt: 0 });
    },
    "a part with more at its end": (world) => {
      const [key] = world.store("one").keys(".dump.gz");
      const { bytes } = world.store("one").objects.get(key!)!;
      world.store("one").objects.set(key!, { bytes: Buffer.concat([bytes, bytes]), modifiedAt: 0 });
    },
    "a part that is gone": (world) => world.store("one").objects.delete(world.store("one").keys(".dump.gz")[0]!),
    "a part of another backup": (world) => {
      const [globals] = world.store("one").keys(".globals.sql.gz");
      const [dump] = world.store("one").keys(".dump.gz");
      world.store("one").objects.set(dump!, world.store("one").objects.get(globals!)!);
    },
    "a manifest under another name": (world) => {
      const [key] = world.store("one").keys(".manifest.json");
      const text = Buffer.from(world.store("one").objects.get(key!)!.bytes).toString();
      const other = text.replaceAll("shop_manual_2026", "shop_manual_2025");
      world.store("one").objects.set(key!, { bytes: new TextEncoder().encode(other), modifiedAt: 0 });
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`finds ${name}`, async () => {
      const world = await filled();
      damage(world);
      const run = await verify(world, "checksum");
      expect(run.status).toBe("failed");
      expect(resultsOf(run).map(({ passed }) => passed)).toEqual([false, true]);
    });
  }

  test("finds a manifest that somebody edited, by its seal", async () => {
    const world = await filled({ encrypted: true });
    const [key] = world.store("one").keys(".manifest.json");
    const text = Buffer.from(world.store("one").objects.get(key!)!.bytes).toString();
    const bytes = new TextEncoder().encode(text.replace('"rows": 200', '"rows": 199'));
    world.store("one").objects.set(key!, { bytes, modifiedAt: 0 });
    const run = await verify(world, "checksum");
    expect(run.error!.message).toContain("was changed after it was written");
  });

  test("ends when a storage sends nothing more", async () => {
    const world = await filled({ settings: { stallTimeoutMs: 50 } });
    world.store("one").faults.push({ on: "read", key: ".dump.gz", deaf: true });
    const run = await verify(world, "checksum");
    expect(run.error!.message).toContain("no byte arrived from memory:one");
  });

  test("says what it could not check: without a key, without a source", async () => {
    const world = await filled({ encrypted: true });
    const real = await world.deps.openCipher({ type: "aes-256-gcm", settings: {} });
    world.knobs.cipher = async () => ({ ...real, canDecrypt: false });
    const run = await verify(world, "checksum", { storage: "one" });
    expect(resultsOf(run)[0]).toMatchObject({ passed: true });
    expect(resultsOf(run)[0]!.message).toContain("only the stored bytes were checked");
    world.store("one").flip(".dump.gz.enc", 70);
    expect((await verify(world, "checksum", { storage: "one" })).status).toBe("failed");

    const bare = await filled();
    bare.project = { ...bare.project, sources: [] };
    const looked = await verify(bare, "structure", { storage: "one" });
    expect(looked.status).toBe("succeeded");
    expect(resultsOf(looked)[0]!.message).toContain("database: its structure was not checked");
  });

  test("tells a result that could not be written", async () => {
    const world = await filled();
    world.store("two").faults.push({ on: "replace", error: new AppError("disk_full", "no room") });
    const run = await verify(world, "checksum");
    expect(run.status).toBe("succeeded");
    expect(run.warnings).toEqual(["storage two: the result could not be written: no room"]);
  });

  test("keeps the result before on a storage that takes no other", async () => {
    const world = await filled();
    await verify(world, "checksum");
    const [key] = world.store("two").keys(".verified.json");
    const before = world.store("two").objects.get(key!);
    world.store("two").faults.push({ on: "replace", error: new AppError("disk_full", "no room") });
    await verify(world, "checksum");
    expect(before).toBeDefined();
    expect(world.store("two").objects.get(key!)).toBe(before!);
    expect(world.store("two").calls).not.toContain(`delete ${key}`);
  });

  for (const level of ["checksum", "restore"] as const) {
    test(`fails by ${level} what a restore would refuse: a plain backup of a project that encrypts`, async () => {
      const world = await filled();
      world.project = { ...world.project, encryption: { type: "aes-256-gcm", settings: {} } };
      const run = await verify(world, level);
      expect(run).toMatchObject({ status: "failed", error: { code: "verify_failed" } });
      expect(resultsOf(run).map(({ passed }) => passed)).toEqual([false, false]);
      expect(resultOn(world, "one").message).toContain("is not encrypted although shop encrypts");
      expect((await verify(world, level, { allowUnencrypted: true })).status).toBe("succeeded");
    });
  }

  test("a cancel is no result", async () => {
    const world = await filled();
    world.store("one").faults.push({ on: "read", key: ".dump.gz" });
    const before = resultOn(world, "one");
    const verifying = verify(world, "checksum");
    await Bun.sleep(10);
    world.abort();
    expect((await verifying).status).toBe("cancelled");
    expect(resultOn(world, "one")).toEqual(before);
  });
});

describe("a drill", () => {
  test("restores roles only on a server of its own", async () => {
    const world = await filled();
    await verify(world, "restore", { storage: "one" });
    expect(world.server.calls).toEqual(["drill shop (project)", "restore scratch of shop (dump)"]);
    world.server.calls.length = 0;
    world.project = { ...world.project, verification: { ...counting, drillOn: "throwaway" } };
    await verify(world, "restore", { storage: "one" });
    expect(world.server.calls).toEqual([
      "drill shop (throwaway)",
      "restore scratch of shop (globals.sql)",
      "restore scratch of shop (dump)",
    ]);
    expect(world.server.open.size).toBe(0);
  });

  test.each([
    ["rows are missing", { losesRows: true }, "restored other rows than were dumped"],
    ["the restore fails", { restore: new AppError("restore_failed", "a role is missing") }, "a role is missing"],
  ])("fails when %s", async (_when, faults, message) => {
    const world = await filled();
    Object.assign(world.server.faults, faults);
    const run = await verify(world, "restore", { storage: "one" });
    expect(run).toMatchObject({ status: "failed", error: { code: "verify_failed" } });
    expect(run.error!.message).toContain(message);
    expect(resultsOf(run)[0]!.restoreMs).not.toBeNull();
    expect(world.server.open.size).toBe(0);
  });

  test("that fails says what can be done about its cause, where the cause is known", async () => {
    const world = await filled();
    const hint = "raise the limit of the server";
    world.server.faults.restore = new AppError("restore_failed", "a row is too long", { hint });
    expect((await verify(world, "restore")).error).toMatchObject({ hint });
    world.server.faults.restore = new AppError("restore_failed", "a row is too long");
    expect((await verify(world, "restore")).error!.hint).toContain("make a new backup");
  });

  test.each(["tool_missing", "source_unreachable", "source_auth_failed"] as const)(
    "%s says nothing of the backup: the run fails with it, and what was proven before stays proven",
    async (code) => {
      const world = await filled();
      expect(await verify(world, "restore", { storage: "one" })).toMatchObject({ status: "succeeded" });
      Object.assign(world.server.faults, { openDrill: new AppError(code, "no server here") });
      const run = await verify(world, "restore", { storage: "one" });
      expect(run).toMatchObject({ status: "failed", error: { code, message: "no server here" } });
      expect(resultsOf(run)).toEqual([]);
      expect([...world.memory.backups.values()][0]!.verification).toMatchObject({ level: "restore", passed: true });
    },
  );

  test("fails when the project no longer has what was backed up: nothing was proven", async () => {
    const world = await filled();
    const files = { name: "assets", type: "files", settings: { paths: ["/uploads"] } };
    world.project = { ...world.project, sources: [files] };
    const run = await verify(world, "restore", { storage: "one" });
    expect(run.error!.message).toContain("has no postgres source database any more");
  });

  test("passes on warnings, and compares nothing where nothing was counted", async () => {
    const world = await filled({ project: { verification: { ...counting, rowCounts: "off" } } });
    world.server.faults.losesRows = true;
    world.server.faults.restoreWarnings = ["an extension is missing"];
    expect((await verify(world, "restore", { storage: "one" })).status).toBe("succeeded");
    expect(world.log()).toContain("warn: drill: an extension is missing");
  });

  test("covers every source of the backup", async () => {
    const world = openTestDeps({ storages: ["one"], project: { verification: counting } });
    const files = { name: "assets", type: "files", settings: { paths: ["/uploads"] } };
    world.project = { ...world.project, sources: [...world.project.sources, files] };
    world.server.databases.set("/uploads", tablesOf({ "a.txt": ["hello"] }));
    await backUpOnce(world);
    await verify(world, "restore");
    const drills = world.server.calls.filter((call) => call.startsWith("drill"));
    expect(drills).toEqual(["drill shop (project)", "drill /uploads (project)"]);
  });

  test("that is cancelled is no result", async () => {
    const world = await filled();
    world.store("one").faults.push({ on: "read", key: ".dump.gz" });
    const before = resultOn(world, "one");
    const drilling = verify(world, "restore");
    await Bun.sleep(10);
    world.abort();
    expect((await drilling).status).toBe("cancelled");
    expect(resultOn(world, "one")).toEqual(before);
  });
});
