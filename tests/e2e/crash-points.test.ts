// The program is killed at every named point. Afterwards every listed backup is whole, the next run succeeds, and what
// was committed before is untouched.

import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { resticPoints } from "../support/restic-world.ts";
import { binaryPath, testWithBinary } from "../support/binary.ts";
import { countNotes, openTestWorld, type BackupsJson, type RunsJson } from "../support/world.ts";

const backupPoints = [
  "run.started",
  "run.pre_hook_done",
  "dump.part_open",
  "dump.part_durable",
  "dump.parts_durable",
  "commit.before_manifest",
  "commit.manifest_written",
  "commit.first_storage_done",
  "run.committed",
  "prune.manifest_deleted",
  "prune.part_deleted",
];

/** Looped over in notifications.test.ts. */
const notifyPoints = ["notify.kept", "notify.sent"];
/** Looped over by state-store-stopped.test.ts. */
const replayPoints = ["replay.entry_stored"];

describe("killed in the middle of a backup", () => {
  for (const point of backupPoints) {
    testWithBinary(
      `at ${point}: what is listed is whole, and the next run succeeds`,
      async () => {
        await using world = await openTestWorld({
          storages: ["disk", "second"],
          project: { retention: { keep_last: 1 }, verification: { enabled: false } },
        });
        const first = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
        await Bun.sleep(1_050);
        const killed = await world.runFromSource({ BACKUPCTL_CRASH_AT: point }, "run", "shop");
        expect(killed.signal).toBe("SIGKILL");

        const { backups } = await world.json<BackupsJson>("snapshots", "shop");
        if (!point.startsWith("prune.")) expect(backups.some((backup) => backup.id === first)).toBe(true);
        for (const backup of backups) {
          const verified = await world.run("verify", "shop", backup.id, "--level", "checksum");
          expect(verified).toMatchObject({ exitCode: 0 });
        }
        expect(backups.length).toBeGreaterThan(0);
        expect(await readdir(join(world.env["BACKUP_BASE_DIR"]!, ".tmp")).catch(() => [])).not.toContain("secret");

        await Bun.sleep(1_050);
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
        const target = join(world.dir, "restored.db");
        expect(await world.run("restore", "shop", "latest", "--into-database", target)).toMatchObject({ exitCode: 0 });
        expect(countNotes(target)).toBe(500);
      },
      60_000,
    );
  }
});

describe("killed in the middle of a restore", () => {
  for (const point of ["restore.loaded", "restore.committed"]) {
    testWithBinary(
      `at ${point}: the original is whole`,
      async () => {
        await using world = await openTestWorld();
        await world.run("run", "shop");
        const killed = await world.runFromSource(
          { BACKUPCTL_CRASH_AT: point },
          "restore",
          "shop",
          "latest",
          "--into-database",
          world.databasePath,
          "--mode",
          "drop",
          "--yes",
        );
        expect(killed.signal).toBe("SIGKILL");
        expect(countNotes(world.databasePath)).toBe(500);
        const again = await world.run(
          "restore",
          "shop",
          "latest",
          "--into-database",
          world.databasePath,
          "--mode",
          "drop",
          "--yes",
        );
        expect(again).toMatchObject({ exitCode: 0 });
      },
      60_000,
    );
  }
});

testWithBinary("a release build ignores crash points", async () => {
  await using world = await openTestWorld({ env: { BACKUPCTL_CRASH_AT: "run.started" } });
  expect(binaryPath).toContain("backupctl");
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
});

test("every crash point of the use cases is looped over", async () => {
  const source = await Bun.file(join(import.meta.dir, "../../src/usecases/deps.ts")).text();
  const declared = source.slice(source.indexOf("export type CrashPoint"), source.indexOf("export interface Deps"));
  const points = [...declared.matchAll(/"([a-z_.]+)"/g)].map((match) => match[1]!);
  expect(
    points.filter(
      (point) =>
        ![
          ...backupPoints,
          ...resticPoints,
          "dump.part_half",
          "restore.loaded",
          "restore.committed",
          ...notifyPoints,
          ...replayPoints,
        ].includes(point),
    ),
  ).toEqual([]);
});
