// The program is killed at every named point of a backup. The next run puts in order what was left: the dead run is failed,
// people hear of it once, and nothing lies on the storages that belongs to no backup. Who is alive is left alone.

import { describe, expect, test } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testWithBinary } from "../support/binary.ts";
import { openTestWorld, type BackupsJson, type RunsJson, type World } from "../support/world.ts";

const points = [
  "run.started",
  "run.pre_hook_done",
  "dump.part_open",
  "dump.part_half",
  "dump.part_durable",
  "dump.parts_durable",
  "commit.before_manifest",
  "commit.manifest_written",
  "commit.first_storage_done",
  "run.committed",
  "prune.manifest_deleted",
  "prune.part_deleted",
];

interface Receiver extends Disposable {
  readonly url: string;
  readonly events: string[];
}

function startReceiver(): Receiver {
  const events: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      events.push(((await request.json()) as { event: string }).event);
      return new Response("ok");
    },
  });
  return { url: `http://127.0.0.1:${server.port}/hook`, events, [Symbol.dispose]: () => void server.stop(true) };
}

/** Files on a storage that belong to no manifest. */
async function listOrphans(world: World, storage: string): Promise<readonly string[]> {
  const objects = await world.listObjects(storage);
  const stems = objects.filter((key) => key.endsWith(".manifest.json")).map((key) => key.slice(0, -14));
  return objects.filter((key) => !stems.some((stem) => key.startsWith(stem)));
}

async function runsOf(world: World): Promise<RunsJson["runs"]> {
  return (await world.json<RunsJson>("status", "shop", "--last", "20")).runs;
}

describe("after a kill in the middle of a backup", () => {
  for (const point of points) {
    testWithBinary(
      `at ${point} the next run leaves no orphan, and people hear of the dead one once`,
      async () => {
        using receiver = startReceiver();
        await using world = await openTestWorld({
          storages: ["disk", "second"],
          project: { retention: { keep_last: 1 }, verification: { enabled: false } },
          file: { notifications: [{ type: "webhook", on: ["failure"], config: { url: receiver.url } }] },
        });
        await writeFile(join(world.uploadsPath, "large.bin"), crypto.getRandomValues(Buffer.alloc(60_000)));
        for (let n = 0; n < 300; n++) await writeFile(join(world.uploadsPath, `${n}.bin`), Buffer.alloc(60_000, n));
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
        await Bun.sleep(1_050);
        const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: point }, "run", "shop");
        expect(killed.signal).toBe("SIGKILL");
        expect(receiver.events).toEqual([]);

        await Bun.sleep(1_050);
        const next = await world.run("run", "shop");
        expect(next).toMatchObject({ exitCode: 0 });
        expect(next.stderr).toContain("marked failed");
        expect(receiver.events).toEqual(["backup_failed"]);
        const [newest, dead] = await runsOf(world);
        expect(newest).toMatchObject({ status: "succeeded" });
        expect(dead).toMatchObject({ status: "failed", error: { code: "interrupted", stage: "crash_recovery" } });
        for (const storage of ["disk", "second"]) expect(await listOrphans(world, storage)).toEqual([]);
        const base = world.env["BACKUP_BASE_DIR"]!;
        expect(await readdir(join(base, ".tmp")).catch(() => [])).toEqual([]);
        expect(await readdir(join(base, "shop"))).toEqual([]);
        for (const { id } of (await world.json<BackupsJson>("snapshots", "shop")).backups) {
          expect(await world.run("verify", "shop", id, "--level", "checksum")).toMatchObject({ exitCode: 0 });
        }

        await world.run("run", "shop");
        expect(receiver.events).toEqual(["backup_failed"]);
      },
      90_000,
    );
  }
});

testWithBinary(
  "a run that is alive is left alone by another process that recovers",
  async () => {
    await using world = await openTestWorld();
    const hook = `touch "${world.dir}/started"; while [ ! -e "${world.dir}/go" ]; do sleep 0.05; done`;
    await world.configure({ project: { hooks: { pre_backup: hook } } });
    const running = world.run("run", "shop");
    while (!(await Bun.file(join(world.dir, "started")).exists())) await Bun.sleep(20);
    const beside = await world.run("run", "--all");
    expect(beside.stderr).not.toContain("marked failed");
    expect((await runsOf(world)).filter(({ status }) => status === "running")).toHaveLength(1);
    await writeFile(join(world.dir, "go"), "");
    expect(await running).toMatchObject({ exitCode: 0 });
    expect((await runsOf(world)).map(({ status }) => status)).toContain("succeeded");
  },
  60_000,
);

testWithBinary(
  "an emptied state store makes nobody delete anything",
  async () => {
    await using world = await openTestWorld({ project: { verification: { enabled: false } } });
    const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: "dump.parts_durable" }, "run", "shop");
    expect(killed.signal).toBe("SIGKILL");
    const before = await listOrphans(world, "disk");
    expect(before.length).toBeGreaterThan(0);
    for (const suffix of ["", "-wal", "-shm"]) {
      await Bun.file(join(world.env["BACKUP_BASE_DIR"]!, ".backupctl", `state.db${suffix}`))
        .delete()
        .catch(() => {});
    }
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
    expect(await world.run("prune", "shop")).toMatchObject({ exitCode: 0 });
    expect(await listOrphans(world, "disk")).toEqual(before);
  },
  60_000,
);

test("every crash point of a backup on archive storages is looped over", async () => {
  const source = await Bun.file(join(import.meta.dir, "../../src/usecases/deps.ts")).text();
  const declared = source.slice(source.indexOf("export type CrashPoint"), source.indexOf("export interface Deps"));
  const named = [...declared.matchAll(/"([a-z_.]+)"/g)].map((match) => match[1]!);
  const elsewhere = /^(restore|notify|sync|replay)\.|^prune\.snapshots/;
  expect(named.filter((point) => !elsewhere.test(point) && !points.includes(point))).toEqual([]);
});
