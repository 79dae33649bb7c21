// Trees deeper than one call to the system can name: backed up, proven and restored like any other.

import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { openTestWorld, type BackupsJson, type RunsJson } from "../support/world.ts";

const test = needs(binaryPath, "find", "sh");

function shell(cwd: string, script: string): string {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd });
  if (status !== 0) throw new Error(stderr.toString());
  return stdout.toString();
}

/** Everything below, with content, by programs that go from directory to directory. */
const describeTree = (cwd: string): string =>
  shell(cwd, "find . -printf '%P %y %m %T@ %l\\n' | sort; find . -type f -execdir cat {} + | sort");

for (const [depth, name] of [
  [16, "as long as a path may be, which is too long below a longer target"],
  [40, "longer than a path may be"],
] as const) {
  describe(`a path ${name}`, () => {
    test("comes back with everything in it", async () => {
      await using world = await openTestWorld();
      await using _cleared = { [Symbol.asyncDispose]: async () => void shell(world.dir, "rm -rf uploads back base") };
      await world.configure({ project: { database: undefined, verification: { enabled: true, level: "structure" } } });
      const step = "d".repeat(249);
      const pad = 4090 - world.uploadsPath.length - depth * 250 - 7;
      const last = pad > 0 && pad < 250 ? "p".repeat(pad) : "p";
      shell(
        world.uploadsPath,
        `i=0; while [ $i -lt ${depth} ]; do mkdir ${step}; cd -P ${step} 2>/dev/null || cd ./${step}; i=$((i+1)); echo $i >f$i; done
        mkdir ${last}; cd ./${last}; echo bottom >b; ln b hard; ln -s b link; chmod 640 b; touch -d 2001-02-03 b; mkdir empty`,
      );
      const before = describeTree(world.uploadsPath);
      expect(before).toContain("bottom");
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs).toMatchObject([{ status: "succeeded", warnings: [] }]);
      expect(await world.run("verify", "shop", "latest", "--level", "restore")).toMatchObject({ exitCode: 0 });
      const target = join(world.dir, "back");
      const restored = await world.run("restore", "shop", "latest", target);
      expect({ restored }).toMatchObject({ restored: { exitCode: 0 } });
      expect(describeTree(join(target, world.uploadsPath)) === before).toBe(true);
      const replaced = ["--assets", "original", "--mode", "drop", "--yes", "--no-safety-backup"];
      shell(world.uploadsPath, `echo changed > ${step}/f1`);
      expect(await world.run("restore", "shop", "latest", ...replaced)).toMatchObject({ exitCode: 0 });
      expect(describeTree(world.uploadsPath) === before).toBe(true);
      expect(shell(world.dir, "ls -A base/.tmp 2>/dev/null || true")).toBe("");
      expect((await world.json<BackupsJson>("snapshots", "shop")).backups).toHaveLength(1);
    }, 60_000);
  });
}
