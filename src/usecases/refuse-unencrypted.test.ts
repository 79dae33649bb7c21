import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { describeFakeTables, tablesOf } from "../../tests/support/fake-source.ts";
import { manifest as sampleManifest } from "../../tests/support/sample-manifest.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { restore } from "../../tests/support/run-fake-restore.ts";
import { requireEncrypted } from "./refuse-unencrypted.ts";

const contentOf = (world: TestDeps, place: string): string => describeFakeTables(world.server.databases.get(place));

/** A world with one backup of `shop` and something else in `other`. */
async function filled(options: TestDepsOptions = {}): Promise<TestDeps> {
  const world = openTestDeps(options);
  await backUpOnce(world);
  world.server.databases.set("other", tablesOf({ precious: ["a", "b"] }));
  world.server.calls.length = 0;
  return world;
}

describe("a plain backup of a project that encrypts", () => {
  const encryption = { type: "aes-256-gcm", settings: {} };

  test("is refused before anything is touched", async () => {
    const world = await filled();
    world.project = { ...world.project, encryption };
    const asked: string[] = [];
    const agreeToUnencrypted = async (id: string): Promise<boolean> => asked.push(id) < 0;
    const changes = { agreeToUnencrypted, intoDatabase: "other", mode: "drop", safetyBackup: true } as const;
    const run = await restore(world, changes);
    expect(run).toMatchObject({ status: "failed", error: { code: "backup_unencrypted" } });
    expect(run.error?.hint).toContain("--allow-unencrypted");
    expect(asked).toEqual([run.backupId!]);
    expect(world.server.databases.has("copy")).toBe(false);
    expect(world.server.calls.filter((call) => !call.startsWith("probe"))).toEqual([]);
    expect([...world.memory.runs.values()].filter(({ trigger }) => trigger === "safety")).toEqual([]);
  });

  test("is restored with a warning when somebody agrees", async () => {
    const world = await filled();
    world.project = { ...world.project, encryption };
    const run = await restore(world, { agreeToUnencrypted: async () => true });
    expect(run.status).toBe("succeeded");
    expect(run.warnings).toEqual([expect.stringContaining("is not encrypted although shop encrypts its backups")]);
  });

  test("on one storage only is passed over for the encrypted copy, and nobody is asked", async () => {
    const world = await filled({ encrypted: true });
    const before = contentOf(world, "shop");
    plantPlain(world, "one");
    const run = await restore(world);
    expect(run).toMatchObject({ status: "succeeded", result: { database: { storage: "two" } } });
    expect(run.warnings).toEqual([expect.stringMatching(/^storage one: .*is not encrypted.*not used$/)]);
    expect(contentOf(world, "copy")).toBe(before);
  });

  test("that takes the encrypted one's place after the first look is refused when it is opened", async () => {
    const world = await filled({ encrypted: true });
    const agree = async (): Promise<boolean> => {
      for (const name of ["one", "two"]) plantPlain(world, name);
      return true;
    };
    const changes = { agree, intoDatabase: "other", mode: "drop" } as const;
    expect(await restore(world, changes)).toMatchObject({ error: { code: "backup_unencrypted" } });
    expect(contentOf(world, "other")).toContain("precious");
  });

  test("is refused too when only one of its parts is plain", () => {
    const [part] = sampleManifest.parts;
    const sealed = { scheme: "aes-256-gcm", keyId: "k" };
    const parts = [
      { ...part!, encryption: sealed },
      { ...part!, encryption: null },
    ];
    const check = (): void => requireEncrypted({ name: "shop", encryption }, { ...sampleManifest, parts });
    expect(check).toThrow("is not encrypted although shop encrypts");
    parts.pop();
    expect(check).not.toThrow();
  });
});

/** What somebody who can write to a storage may do: the manifest now claims that nothing is encrypted, and has no seal. */
function plantPlain(world: TestDeps, storage: string): void {
  const { objects } = world.store(storage);
  const [key] = world.store(storage).keys(".manifest.json");
  const { mac: _mac, ...manifest } = JSON.parse(new TextDecoder().decode(objects.get(key!)!.bytes));
  for (const part of manifest.parts) part.encryption = null;
  objects.set(key!, { bytes: new TextEncoder().encode(JSON.stringify(manifest)), modifiedAt: 0 });
}
