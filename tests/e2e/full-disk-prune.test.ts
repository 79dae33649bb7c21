// The disk of the backups is full to the last byte: the prune that would empty it, and the restore that is urgent, still run.

import { describe, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { mountSmallDisk } from "../support/small-disk.ts";
import { openTestWorld, type BackupsJson, type RunsJson } from "../support/world.ts";

const test = needs("root", "mount", binaryPath);
const megabyte = 1024 * 1024;

/** By as little as a disk gives out at once. */
function fillUp(path: string): void {
  const fd = openSync(path, "w");
  for (let size = megabyte; size >= 1;) {
    try {
      writeSync(fd, Buffer.alloc(size));
    } catch {
      size = Math.floor(size / 2);
    }
  }
  closeSync(fd);
}

describe("a full disk that holds backups, locks and state", () => {
  test("is emptied by a prune, and restored from before that", async () => {
    await using world = await openTestWorld();
    const base = world.env["BACKUP_BASE_DIR"]!;
    await using _disk = mountSmallDisk(base, 12 * megabyte);
    const configure = (keepLast: number) =>
      world.configure({
        file: {
          storage: [],
          projects: [{ name: "shop", assets: { paths: [world.uploadsPath] }, retention: { keep_last: keepLast } }],
        },
      });
    await configure(9);
    await writeFile(join(world.uploadsPath, "large.bin"), randomBytes(megabyte));
    for (let count = 0; count < 3; count++) expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
    fillUp(join(base, "of somebody else"));

    const failed = await world.run("run", "shop", "--json");
    expect(failed.exitCode).toBe(1);
    expect((JSON.parse(failed.stdout) as RunsJson).runs).toMatchObject([{ error: { code: "disk_full" } }]);
    const target = join(world.dir, "back");
    expect(await world.run("restore", "shop", "latest", "--assets", target)).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(target, world.uploadsPath, "a.txt"), "utf8")).toBe("hello\n");

    await configure(1);
    fillUp(join(base, "of somebody else, more"));
    const pruned = await world.run("prune", "shop");
    expect({ pruned }).toMatchObject({ pruned: { exitCode: 0 } });
    expect((await world.json<BackupsJson>("snapshots", "shop")).backups).toHaveLength(1);
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  }, 60_000);
});
