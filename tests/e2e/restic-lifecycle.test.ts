// A project on a restic repository, from the first backup to the restore, driven through the compiled program, with
// restic itself looking on.

import { describe, expect } from "bun:test";
import { readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { countNotes, type BackupsJson, type RunsJson } from "../support/world.ts";
import { openResticWorld, testWithRestic, type ResticWorld } from "../support/restic-world.ts";

const limitMs = 120_000;

async function expectUploads(world: ResticWorld, root: string): Promise<void> {
  expect(await readFile(join(root, world.uploadsPath, "a.txt"), "utf8")).toBe("hello\n");
  const large = await readFile(join(root, world.uploadsPath, "sub dir", "büro ☕.bin"));
  expect(large.equals(Buffer.alloc(300_000, 7))).toBe(true);
}

for (const mode of ["combined", "separate"] as const) {
  describe(`in mode ${mode}`, () => {
    testWithRestic(
      "what was backed up comes back after everything is gone, and restic agrees",
      async () => {
        await using world = await openResticWorld({ mode });
        const { runs } = await world.json<RunsJson>("run", "shop");
        expect(runs).toMatchObject([{ status: "succeeded", partial: false, warnings: [], error: null }]);
        const id = runs[0]!.backupId!;
        const made = await world.snapshots();
        expect(made.length).toBe(mode === "combined" ? 1 : 2);
        const contents = mode === "combined" ? ["combined"] : [`assets:${world.uploadsPath}`, "db"];
        expect(made.map(({ tags }) => tags!.slice(0, 4))).toEqual(
          contents.map((content) => [`backupctl:${content}`, "project:shop", `backup:${id}`, "type:manual"]),
        );
        await world.restic("check", "--read-data");

        const listed = await world.json<BackupsJson>("snapshots", "shop");
        expect(listed.backups).toMatchObject([
          { id, storages: ["shop-restic"], verified: { level: "structure", passed: true } },
        ]);
        expect(await world.run("verify", "shop", id, "--level", "checksum")).toMatchObject({ exitCode: 0 });
        expect(await world.run("verify", "shop", "latest", "--level", "restore")).toMatchObject({ exitCode: 0 });

        // Everything is lost but the repository and the configuration.
        await rm(join(world.dir, "base"), { recursive: true });
        await rm(world.uploadsPath, { recursive: true });
        await rm(world.databasePath);
        const database = join(world.dir, "restored.db");
        expect(await world.run("restore", "shop", "latest", "--into-database", database)).toMatchObject({
          exitCode: 0,
        });
        expect(countNotes(database)).toBe(500);
        const restored = await world.run("restore", "shop", "latest", "--assets", "original");
        expect(restored).toMatchObject({ exitCode: 0 });
        await expectUploads(world, "/");

        const target = join(world.dir, "out");
        expect(await world.run("restore", "shop", id, target, "--decompress", "--guide")).toMatchObject({
          exitCode: 0,
        });
        await expectUploads(world, target);
        const dumps = (await readdir(target)).filter((name) => name.endsWith(".sqlite"));
        expect(dumps.length).toBe(1);
        expect(countNotes(join(target, dumps[0]!))).toBe(500);
        expect(await world.run("catalog", "rebuild")).toMatchObject({ exitCode: 0 });
      },
      limitMs,
    );
  });
}

describe("a restore from a repository", () => {
  testWithRestic(
    "takes the database alone, the assets alone, or one snapshot by its own id",
    async () => {
      await using world = await openResticWorld({ mode: "separate" });
      await world.json<RunsJson>("run", "shop");
      const [assets, database] = await world.snapshots();
      const out = (name: string): string => join(world.dir, name);
      expect(await world.run("restore", "shop", "latest", out("db"), "--only", "db")).toMatchObject({ exitCode: 0 });
      expect((await readdir(out("db"))).length).toBe(1);
      expect(await world.run("restore", "shop", "latest", out("as"), "--only", "assets")).toMatchObject({
        exitCode: 0,
      });
      await expectUploads(world, out("as"));
      expect(await world.run("restore", "shop", assets!.short_id, out("one"))).toMatchObject({ exitCode: 0 });
      await expectUploads(world, out("one"));
      expect((await readdir(out("one"))).some((name) => name.endsWith(".sqlite"))).toBe(false);
      expect(await world.run("restore", "shop", database!.id, out("two"))).toMatchObject({ exitCode: 0 });
      expect((await readdir(out("two"))).length).toBe(1);
      const refused = await world.run("restore", "shop", assets!.short_id, out("three"), "--only", "db");
      expect(refused).toMatchObject({ exitCode: 1 });
    },
    limitMs,
  );

  testWithRestic(
    "reads a snapshot that restic alone has made, by its id",
    async () => {
      await using world = await openResticWorld();
      await world.restic("backup", "-q", world.uploadsPath);
      const [foreign] = await world.snapshots();
      const target = join(world.dir, "foreign");
      expect(await world.run("restore", "shop", foreign!.short_id, target)).toMatchObject({ exitCode: 0 });
      await expectUploads(world, target);
    },
    limitMs,
  );

  testWithRestic(
    "exports a bundle that holds the database and the files",
    async () => {
      await using world = await openResticWorld();
      await world.json<RunsJson>("run", "shop");
      const bundle = join(world.dir, "shop.tar.gz");
      expect(await world.run("export", "shop", "latest", bundle)).toMatchObject({ exitCode: 0 });
      expect((await stat(bundle)).size).toBeGreaterThan(1_000);
      const database = join(world.dir, "from-bundle.db");
      const restored = await world.run("restore", "--from", bundle, "--db", "shop", "--into-database", database);
      expect(restored).toMatchObject({ exitCode: 0 });
      expect(countNotes(database)).toBe(500);
    },
    limitMs,
  );
});

describe("pins, retention and local dumps", () => {
  testWithRestic(
    "a pinned backup stays, the others go by the policy, and foreign snapshots are never touched",
    async () => {
      await using world = await openResticWorld({ project: { retention: { keep_last: 1, local_days: 0 } } });
      await world.restic("backup", "-q", "--tag", "project:other,backup:abcd1234", world.uploadsPath);
      await world.restic("backup", "-q", "--host", "elsewhere", "--tag", "project:shop", world.uploadsPath);
      const first = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
      expect(await world.run("pin", "shop", first)).toMatchObject({ exitCode: 0 });
      for (let count = 0; count < 2; count++) {
        await Bun.sleep(1_050);
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      }
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups.map(({ id, pinned }) => [id === first, pinned])).toEqual([
        [false, false],
        [true, true],
      ]);
      expect((await world.snapshots()).length).toBe(4);
      expect(await readdir(join(world.dir, "base", "shop"))).not.toContainEqual(
        expect.stringMatching(/sqlite|manifest/),
      );
      expect(await world.run("unpin", "shop", first)).toMatchObject({ exitCode: 0 });
      expect(await world.run("prune", "shop", "--dry-run")).toMatchObject({ exitCode: 0 });
      expect(await world.run("prune", "shop")).toMatchObject({ exitCode: 0 });
      expect((await world.snapshots()).map(({ hostname, tags }) => [hostname === "elsewhere", tags?.[0]])).toEqual([
        [false, "project:other"],
        [true, "project:shop"],
        [false, "backupctl:combined"],
      ]);
      await world.restic("check", "--read-data");
    },
    limitMs,
  );

  testWithRestic(
    "the dump stays beside the repository, readable by its owner alone, and the next run has a parent",
    async () => {
      await using world = await openResticWorld();
      await world.json<RunsJson>("run", "shop");
      await Bun.sleep(1_050);
      await world.json<RunsJson>("run", "shop");
      const directory = join(world.dir, "base", "shop");
      expect((await stat(directory)).mode & 0o777).toBe(0o700);
      const files = (await readdir(directory)).filter((name) => name.startsWith("shop_manual_"));
      expect(files.length).toBe(4);
      for (const name of files) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
      const [older, newer] = await world.snapshots();
      expect(newer!.parent).toBe(older!.id);
    },
    limitMs,
  );
});

describe("a repository beside an archive storage", () => {
  testWithRestic(
    "is fed from the same dump, and each of the two restores alone",
    async () => {
      await using world = await openResticWorld({ archives: ["disk"] });
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs).toMatchObject([{ status: "succeeded", partial: false, warnings: [] }]);
      const { backups } = await world.json<BackupsJson>("snapshots", "shop");
      expect(backups).toMatchObject([{ storages: ["disk", "shop-restic"] }]);
      for (const storage of ["disk", "shop-restic"]) {
        const target = join(world.dir, `from-${storage}`);
        const restored = await world.run("restore", "shop", "latest", target, "--storage", storage);
        expect(restored).toMatchObject({ exitCode: 0 });
        await expectUploads(world, target);
      }
      await rm(world.storagePath("disk"), { recursive: true });
      const target = join(world.dir, "after-loss");
      expect(await world.run("restore", "shop", "latest", target)).toMatchObject({ exitCode: 0 });
      await expectUploads(world, target);
    },
    limitMs,
  );
});
