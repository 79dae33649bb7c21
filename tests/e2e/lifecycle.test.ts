// The main job, by the compiled program: back up, list, verify, lose, restore, prune.

import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runBinary, testWithBinary as test } from "../support/binary.ts";
import { canary, countNotes, openTestWorld, type BackupsJson, type RunsJson } from "../support/world.ts";

describe("a backup's life", () => {
  test("a run leaves every part and the manifest on every storage, and nothing temporary", async () => {
    await using world = await openTestWorld({ storages: ["disk", "second"] });
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      project: "shop",
      kind: "backup",
      status: "succeeded",
      partial: false,
      error: null,
      warnings: [],
    });
    for (const storage of ["disk", "second"]) {
      const objects = await world.listObjects(storage);
      const stem = objects[0]!.split(".")[0]!;
      expect(stem).toMatch(/^shop\/\d{4}\/\d{2}\/shop_manual_\d{8}_\d{6}_[0-9a-z]{8}$/);
      expect(objects.map((key) => key.slice(stem.length))).toEqual([
        ".files.tar.zst.enc",
        ".manifest.json",
        ".sqlite.zst.enc",
        ".verified.json",
      ]);
      expect((await stat(join(world.storagePath(storage), objects[0]!))).mode & 0o777).toBe(0o600);
    }
  });

  test("snapshots, status and logs tell what happened", async () => {
    await using world = await openTestWorld();
    const { runs } = await world.json<RunsJson>("run", "shop");
    const { backups } = await world.json<BackupsJson>("snapshots", "shop");
    expect(backups).toHaveLength(1);
    expect(backups[0]).toMatchObject({
      id: runs[0]!.backupId,
      project: "shop",
      type: "manual",
      engine: "sqlite",
      storages: ["disk"],
      pinned: false,
    });
    expect(backups[0]!.verified).toMatchObject({ level: "structure", passed: true });
    const status = await world.run("status");
    expect(status.stdout).toContain("succeeded");
    const logs = await world.run("logs", "shop");
    expect(logs.stdout).toContain("committed on disk");
  });

  test("a lost database and lost files come back byte for byte", async () => {
    await using world = await openTestWorld();
    await world.run("run", "shop");
    const before = await readFile(join(world.uploadsPath, "sub dir", "büro ☕.bin"));
    await rm(world.databasePath);
    await rm(world.uploadsPath, { recursive: true });
    const database = await world.run("restore", "shop", "latest", "--into-database", world.databasePath);
    expect(database).toMatchObject({ exitCode: 0 });
    const files = await world.run("restore", "shop", "latest", "--assets", "original");
    expect(files).toMatchObject({ exitCode: 0 });
    expect(countNotes(world.databasePath)).toBe(500);
    expect(await readFile(join(world.uploadsPath, "sub dir", "büro ☕.bin"))).toEqual(before);
  });

  test("a target that holds data is refused, and with --mode drop backed up first", async () => {
    await using world = await openTestWorld();
    await world.run("run", "shop");
    const refused = await world.run("restore", "shop", "latest", "--into-database", world.databasePath);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("not empty");
    const unasked = await world.run(
      "restore",
      "shop",
      "latest",
      "--into-database",
      world.databasePath,
      "--mode",
      "drop",
    );
    expect(unasked.exitCode).toBe(1);
    expect(unasked.stderr).toContain("--yes");
    const replaced = await world.run(
      "restore",
      "shop",
      "latest",
      "--into-database",
      world.databasePath,
      "--mode",
      "drop",
      "--yes",
    );
    expect(replaced).toMatchObject({ exitCode: 0 });
    const { backups } = await world.json<BackupsJson>("snapshots", "shop");
    expect(backups.map((backup) => backup.type).toSorted()).toEqual(["manual", "safety"]);
  });

  test("files are restored compressed, plain or as stored", async () => {
    await using world = await openTestWorld();
    await world.run("run", "shop");
    const plain = await world.run(
      "restore",
      "shop",
      "latest",
      join(world.dir, "out"),
      "--decompress",
      "--guide",
      "--only",
      "db",
    );
    expect(plain).toMatchObject({ exitCode: 0 });
    const sqlite = plain.stdout.split("\n").find((line) => line.endsWith(".sqlite"))!;
    expect(countNotes(sqlite)).toBe(500);
    expect(plain.stdout).toContain("integrity_check");
    const raw = await world.run("restore", "shop", "latest", join(world.dir, "raw"), "--raw", "--only", "db");
    expect(raw.stdout).toContain(".sqlite.zst.enc");
    const assets = await world.run("restore", "shop", "latest", join(world.dir, "assets"), "--only", "assets");
    expect(assets).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(world.dir, "assets", world.uploadsPath, "a.txt"), "utf8")).toBe("hello\n");
  });

  test("every level of verify passes on a good backup and names the storage of a bad one", async () => {
    await using world = await openTestWorld({ storages: ["disk", "second"] });
    await world.run("run", "shop");
    for (const level of ["checksum", "structure", "restore"]) {
      const outcome = await world.run("verify", "shop", "latest", "--level", level);
      expect(outcome).toMatchObject({ exitCode: 0 });
      expect(outcome.stdout.match(/passed/g)).toHaveLength(2);
    }
    const part = (await world.listObjects("second")).find((key) => key.endsWith(".sqlite.zst.enc"))!;
    await flipByte(join(world.storagePath("second"), part), 900);
    const outcome = await world.run("verify", "shop", "latest", "--level", "checksum");
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stdout).toMatch(/on disk: checksum passed/);
    expect(outcome.stdout).toMatch(/on second: checksum FAILED/);
  });

  test("a restore falls to the next storage when the first copy is broken, and says so", async () => {
    await using world = await openTestWorld({ storages: ["disk", "second"] });
    await world.run("run", "shop");
    const part = (await world.listObjects("disk")).find((key) => key.endsWith(".sqlite.zst.enc"))!;
    await flipByte(join(world.storagePath("disk"), part), 900);
    const copy = join(world.dir, "copy.db");
    const outcome = await world.run("restore", "shop", "latest", "--into-database", copy);
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(outcome.stderr).toContain("trying second");
    expect(countNotes(copy)).toBe(500);
    const only = await world.run("restore", "shop", "latest", "--into-database", `${copy}2`, "--storage", "disk");
    expect(only.exitCode).toBe(1);
    expect(await stat(`${copy}2`).catch(() => null)).toBeNull();
  });

  test("retention keeps what it must, pinned and verified ones stay", async () => {
    await using world = await openTestWorld({
      project: { retention: { keep_last: 1 }, verification: { enabled: false } },
    });
    const first = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
    await world.run("pin", "shop", first);
    await Bun.sleep(1_100);
    const second = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
    await world.run("verify", "shop", second, "--level", "checksum");
    await Bun.sleep(1_100);
    const third = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
    await Bun.sleep(1_100);
    const fourth = (await world.json<RunsJson>("run", "shop")).runs[0]!.backupId!;
    const { backups } = await world.json<BackupsJson>("snapshots", "shop");
    expect(backups.map((backup) => backup.id).toSorted()).toEqual([first, second, fourth].toSorted());
    expect(backups.some((backup) => backup.id === third)).toBe(false);
    const preview = await world.run("prune", "shop", "--dry-run");
    expect(preview.stdout).toContain("pinned");
    await world.run("unpin", "shop", first);
    await world.run("prune", "shop");
    const left = await world.json<BackupsJson>("snapshots", "shop");
    expect(left.backups.map((backup) => backup.id).toSorted()).toEqual([second, fourth].toSorted());
  }, 60_000);

  test("an empty state store is rebuilt from the manifests, and a backup restores without it", async () => {
    await using world = await openTestWorld();
    const { runs } = await world.json<RunsJson>("run", "shop");
    await rm(world.env["BACKUP_BASE_DIR"]!, { recursive: true });
    const rebuilt = await world.run("catalog", "rebuild");
    expect(rebuilt.stdout).toContain("1 backups found");
    expect((await world.json<BackupsJson>("snapshots", "shop")).backups[0]!.id).toBe(runs[0]!.backupId!);
  });

  test("a bundle carries one backup elsewhere", async () => {
    await using world = await openTestWorld();
    await world.run("run", "shop");
    const bundle = join(world.dir, "shop.tar.gz");
    expect(await world.run("export", "shop", "latest", bundle)).toMatchObject({ exitCode: 0 });
    const listing = Bun.spawnSync(["tar", "-tzf", bundle]).stdout.toString().trim().split("\n");
    expect(listing).toEqual(["manifest.json", "database/database.sqlite", "documents/assets.files.tar"]);
    const target = join(world.dir, "copy.db");
    expect(await world.run("restore", "--from", bundle, "--into-database", target)).toMatchObject({ exitCode: 0 });
    expect(countNotes(target)).toBe(500);
    const files = join(world.dir, "files");
    expect(await world.run("restore", "--from", bundle, "--assets", files)).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(files, world.uploadsPath, "a.txt"), "utf8")).toBe("hello\n");
    const both = ["--into-database", join(world.dir, "both.db"), "--assets", join(world.dir, "both")];
    expect(await world.run("restore", "--from", bundle, ...both)).toMatchObject({ exitCode: 0 });
    expect(countNotes(join(world.dir, "both.db"))).toBe(500);
    expect(await readFile(join(world.dir, "both", world.uploadsPath, "a.txt"), "utf8")).toBe("hello\n");
    for (const stray of [both.slice(2), ["--table", "notes"], ["second"]]) {
      const refused = await world.run("restore", "--from", bundle, join(world.dir, "stray"), ...stray);
      expect({ stray, ...refused }).toMatchObject({ exitCode: 1 });
      expect(existsSync(join(world.dir, "stray"))).toBe(false);
    }
    expect((await world.run("export", "shop", "latest", bundle)).exitCode).toBe(1);
  });

  test("a file restores with no configuration and no state, only the key", async () => {
    await using world = await openTestWorld();
    await world.run("run", "shop");
    const part = (await world.listObjects("disk")).find((key) => key.endsWith(".sqlite.zst.enc"))!;
    await rm(join(world.dir, "backupctl.yml"));
    await rm(world.env["BACKUP_BASE_DIR"]!, { recursive: true });
    const target = join(world.dir, "alone.db");
    const restore = (key: string) =>
      runBinary(["restore", "--from", join(world.storagePath("disk"), part), "--into-database", `sqlite://${target}`], {
        cwd: world.dir,
        env: { BACKUP_BASE_DIR: join(world.dir, "other"), ENCRYPTION_KEY: key },
      });
    const wrong = await restore("another password that is long enough too");
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr).toContain("key");
    expect(await stat(target).catch(() => null)).toBeNull();
    expect(await restore(canary)).toMatchObject({ exitCode: 0 });
    expect(countNotes(target)).toBe(500);
  });
});

async function flipByte(path: string, at: number): Promise<void> {
  const bytes = new Uint8Array(await readFile(path));
  bytes[at % bytes.length]! ^= 0x40;
  await Bun.write(path, bytes);
}
