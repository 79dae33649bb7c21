// Whose run it was decides what recovery does: only an owner that is provably gone is, whatever pid, boot, host or clock
// the record names. And a file that no record of this state store speaks of stays, whatever else does.

import { Database } from "bun:sqlite";
import { describe, expect } from "bun:test";
import { chmod, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { currentOwner } from "../../src/adapters/lock/owner.ts";
import { testWithBinary } from "../support/binary.ts";
import { startHookReceiver } from "../support/hook-receiver.ts";
import { openTestWorld, type BackupsJson, type World } from "../support/world.ts";

const hour = 3_600_000;

function openState(world: World): Database {
  const database = new Database(join(world.env["BACKUP_BASE_DIR"]!, ".backupctl/state.db"));
  database.run("PRAGMA busy_timeout = 5000");
  return database;
}

interface DeadRun {
  readonly owner?: Readonly<Record<string, unknown>>;
  readonly heartbeatAt?: number;
}

/** The record of the killed run, changed as if somebody else had run it. */
function rewrite(world: World, { owner = {}, heartbeatAt }: DeadRun): void {
  using database = openState(world);
  const row = database.query("SELECT id, owner FROM runs WHERE status = 'running'").get() as Record<string, string>;
  const changed = JSON.stringify({ ...(JSON.parse(row["owner"]!) as object), ...owner });
  database.run("UPDATE runs SET owner = ?, heartbeat_at = coalesce(?, heartbeat_at) WHERE id = ?", [
    changed,
    heartbeatAt ?? null,
    row["id"]!,
  ]);
}

async function listOrphans(world: World): Promise<readonly string[]> {
  const objects = await world.listObjects("disk");
  const stems = objects.filter((key) => key.endsWith(".manifest.json")).map((key) => key.slice(0, -14));
  return objects.filter((key) => !stems.some((stem) => key.startsWith(stem)));
}

async function openKilled(): Promise<World> {
  const world = await openTestWorld({ project: { verification: { enabled: false } } });
  const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: "dump.parts_durable" }, "run", "shop");
  expect(killed.signal).toBe("SIGKILL");
  expect(await listOrphans(world)).not.toEqual([]);
  return world;
}

const self = currentOwner();
const otherBoot = "11111111-2222-3333-4444-555555555555";

describe("a killed run whose owner", () => {
  const cases: readonly (readonly [string, () => DeadRun, "dead" | "left"])[] = [
    [
      "had another boot of this host, minutes ago",
      () => ({ owner: { bootId: otherBoot }, heartbeatAt: Date.now() - hour }),
      "dead",
    ],
    [
      "has another boot and our host's name, and was heard of just now",
      () => ({ owner: { bootId: otherBoot } }),
      "left",
    ],
    ["had the pid that another process has now", () => ({ owner: { pid: process.pid } }), "dead"],
    ["said that it began in the future", () => ({ heartbeatAt: Date.now() + 365 * 24 * hour }), "dead"],
    ["is a process that lives", () => ({ owner: { pid: self.pid, startTicks: self.startTicks } }), "left"],
    [
      "is another host that was heard of an hour ago",
      () => ({ owner: { host: "elsewhere" }, heartbeatAt: Date.now() - hour }),
      "left",
    ],
    [
      "is another host, silent for a day",
      () => ({ owner: { host: "elsewhere" }, heartbeatAt: Date.now() - 25 * hour }),
      "dead",
    ],
    [
      "is another host whose clock is a year ahead",
      () => ({ owner: { host: "elsewhere" }, heartbeatAt: Date.now() + 8760 * hour }),
      "left",
    ],
    ["is another boot of another host", () => ({ owner: { host: "elsewhere", bootId: "another" } }), "left"],
  ];
  for (const [what, change, verdict] of cases) {
    testWithBinary(
      `${what} is ${verdict === "dead" ? "marked failed, and what it left goes" : "left alone, and so is what it wrote"}`,
      async () => {
        await using world = await openKilled();
        const before = await listOrphans(world);
        rewrite(world, change());
        const next = await world.run("prune", "shop");
        expect(next).toMatchObject({ exitCode: 0 });
        if (verdict === "dead") {
          expect(next.stderr).toContain("marked failed");
          expect(await listOrphans(world)).toEqual([]);
        } else {
          expect(next.stderr).not.toContain("marked failed");
          expect(await listOrphans(world)).toEqual(before);
        }
      },
      60_000,
    );
  }
});

describe("after a kill, people hear of it once by the first command that works on the project:", () => {
  const commands: readonly (readonly string[])[] = [
    ["prune", "shop"],
    ["verify", "shop", "latest", "--level", "checksum"],
    ["restore", "shop", "latest", "out"],
  ];
  for (const command of commands) {
    testWithBinary(
      command[0]!,
      async () => {
        await using receiver = startHookReceiver("canary-recovery-hook");
        await using world = await openTestWorld({
          env: { HOOK_URL: receiver.url },
          project: { verification: { enabled: false } },
          file: { notifications: [{ type: "webhook", on: ["failure"], config: { url: "${HOOK_URL}" } }] },
        });
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
        await Bun.sleep(1_050);
        await world.runFromSource({ BACKUPCTL_CRASH_AT: "dump.parts_durable" }, "run", "shop");
        const before = await listOrphans(world);
        const outcome = await world.run(...command);
        expect(outcome).toMatchObject({ exitCode: 0 });
        expect(outcome.stderr).toContain("marked failed");
        expect(receiver.accepted.map(({ event }) => event)).toEqual(["backup_failed"]);
        // Who only reads takes nothing away.
        expect(await listOrphans(world)).toEqual(command[0] === "prune" ? [] : before);
        expect(await world.run("prune", "shop")).toMatchObject({ exitCode: 0 });
        expect(await listOrphans(world)).toEqual([]);
        expect(receiver.accepted).toHaveLength(1);
        expect((await world.json<BackupsJson>("snapshots", "shop")).backups).toHaveLength(1);
      },
      60_000,
    );
  }
});

describe("files without a record stay", () => {
  testWithBinary(
    "when the state store belongs to another installation that shares the storage",
    async () => {
      await using one = await openKilled();
      await using other = await openTestWorld({ project: { verification: { enabled: false } } });
      // Both know the project by the same name, and write to the same place.
      const place = { storage: [{ name: "disk", type: "local", local: { path: one.storagePath("disk") } }] };
      await other.configure({ project: { verification: { enabled: false } }, file: place });
      const before = await listOrphans(one);
      for (const command of [
        ["run", "shop"],
        ["prune", "shop"],
        ["catalog", "rebuild"],
        ["prune", "shop"],
      ]) {
        expect(await other.run(...command)).toMatchObject({ exitCode: 0 });
      }
      expect(await listOrphans(one)).toEqual(before);
      // Whose it was takes it away, and leaves what the other has committed.
      expect(await one.run("prune", "shop")).toMatchObject({ exitCode: 0 });
      expect(await listOrphans(one)).toEqual([]);
      expect((await one.json<BackupsJson>("snapshots", "shop")).backups).toHaveLength(1);
    },
    60_000,
  );

  testWithBinary(
    "when the state store was emptied, is unreadable, or is a directory, beside a full storage",
    async () => {
      await using world = await openKilled();
      await Bun.sleep(1_050);
      expect(await world.runFromSource({}, "catalog", "rebuild")).toMatchObject({ exitCode: 0 });
      const kept = join(world.dir, "kept");
      await cp(world.storagePath("disk"), kept, { recursive: true });
      const before = await world.listObjects("disk");
      const path = join(world.env["BACKUP_BASE_DIR"]!, ".backupctl/state.db");
      const spoil: Readonly<Record<string, () => Promise<unknown>>> = {
        emptied: async () => {},
        damaged: () => writeFile(path, Buffer.alloc(8192, 0x5a)),
        "a directory": () => mkdir(path),
        "of nobody": async () => {
          await writeFile(path, "");
          await chmod(path, 0o000);
        },
      };
      for (const [what, make] of Object.entries(spoil)) {
        for (const suffix of ["", "-wal", "-shm"]) await rm(path + suffix, { recursive: true, force: true });
        await make();
        await world.run("prune", "shop");
        expect({ what, left: await world.listObjects("disk") }).toEqual({ what, left: before });
        await world.run("run", "shop");
        const after = await world.listObjects("disk");
        expect({ what, gone: before.filter((key) => !after.includes(key)) }).toEqual({ what, gone: [] });
        await rm(world.storagePath("disk"), { recursive: true });
        await cp(kept, world.storagePath("disk"), { recursive: true });
      }
    },
    120_000,
  );
});
