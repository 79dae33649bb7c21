// What somebody meets who has not read the manual: help, typing errors, pipes that close, odd terminals, no rights.

import { describe, expect } from "bun:test";
import { chmod, copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandSpecs } from "../../src/cli/commands.ts";
import { binaryPath, runBinary, testWithBinary as test } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { openTestWorld, type World } from "../support/world.ts";

const testAsRoot = needs(binaryPath, "root", "setpriv");
const testOnTerminal = needs(binaryPath, "script");

function shell(
  world: World,
  line: string,
): { readonly status: number; readonly stdout: string; readonly stderr: string } {
  const env = { PATH: process.env["PATH"]!, HOME: world.dir, ...world.env, B: binaryPath };
  const done = Bun.spawnSync(["bash", "-o", "pipefail", "-c", line], { cwd: world.dir, env, stderr: "pipe" });
  return { status: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

describe("help and typing errors", () => {
  test("every command explains itself, with examples and the options that all share", async () => {
    for (const { name } of commandSpecs) {
      const { exitCode, stdout, stderr } = await runBinary([...name.split(" "), "--help"], { cwd: tmpdir() });
      expect({ name, exitCode, stderr }).toEqual({ name, exitCode: 0, stderr: "" });
      expect(stdout).toContain(`$ backupctl ${name}`);
      expect(stdout).toContain("--config");
    }
  }, 60_000);

  test("a mistyped command, option or choice is answered with the nearest one, and no stack trace", async () => {
    for (const [args, hint] of [
      [["statsu"], "status"],
      [["run", "--al"], "--all"],
      [["config", "valdate"], "validate"],
      [["verify", "shop", "latest", "--level", "deep"], "structure"],
    ] as const) {
      const { exitCode, stderr } = await runBinary(args, { cwd: tmpdir() });
      expect(exitCode).toBe(1);
      expect(stderr).toContain(hint);
      expect(stderr).not.toContain("    at ");
    }
  });
});

describe("where the output goes", () => {
  test("a reader that goes away stops no backup", async () => {
    await using world = await openTestWorld();
    for (const line of [
      '"$B" run shop 2>&1 | true',
      '"$B" run shop --verbose 2>&1 >/dev/null | head -c 1',
      '"$B" logs shop | true',
    ]) {
      expect(shell(world, line)).toMatchObject({ status: 0 });
    }
    const after = shell(world, '"$B" run shop 2>err.txt | true; cat err.txt');
    expect(after.stdout).not.toContain("EPIPE");
    const { stdout } = shell(world, '"$B" snapshots shop | grep -c disk');
    expect(stdout.trim()).toBe("3");
  }, 30_000);

  test("a log that cannot be written stops no backup, a result that cannot be written is a failure", async () => {
    await using world = await openTestWorld();
    expect(shell(world, '"$B" run shop 2>/dev/full')).toMatchObject({ status: 0 });
    expect(shell(world, '"$B" snapshots shop >/dev/full')).toMatchObject({ status: 1 });
    expect(shell(world, '"$B" run shop <&- >&- 2>&-')).toMatchObject({ status: 0 });
  }, 30_000);

  testOnTerminal(
    "colours and drawn progress are for terminals only that know them",
    async () => {
      await using world = await openTestWorld();
      const escape = "\u001b[";
      expect(shell(world, `script -qec '"$B" run shop' /dev/null`).stdout).toContain(escape);
      expect(shell(world, `TERM=dumb script -qec '"$B" run shop' /dev/null`).stdout).not.toContain(escape);
      expect(shell(world, `NO_COLOR=1 script -qec '"$B" status' /dev/null`).stdout).not.toContain(escape);
      shell(world, `script -qec '"$B" run shop > result.txt' /dev/null`);
      const result = await readFile(join(world.dir, "result.txt"), "utf8");
      expect(result).toContain("succeeded");
      expect(result).not.toContain(escape);
    },
    30_000,
  );
});

describe("rights", () => {
  test("a configuration from another directory works, without a home", async () => {
    await using world = await openTestWorld();
    const elsewhere = await runBinary(["run", "shop", "-c", join(world.dir, "backupctl.yml")], {
      cwd: "/",
      env: { ...world.env, HOME: "" },
    });
    expect(elsewhere).toMatchObject({ exitCode: 0 });
  });

  testAsRoot(
    "what root's init wrote works for a user of its own once it is given to it, as the setup guide says",
    async () => {
      await using world = await openTestWorld();
      const home = join(world.dir, "etc");
      const base = join(world.dir, "data");
      await chmod(world.dir, 0o755);
      const answers = ["name=app", "engine=none", `assets=${world.uploadsPath}`, `local_path=${base}`];
      const flags = answers.map((answer) => `--answer ${answer}`).join(" ");
      const user = `setpriv --reuid=65534 --regid=65534 --clear-groups env BACKUP_BASE_DIR=${base} HOME=${home} ${world.dir}/backupctl`;
      await copyFile(binaryPath, join(world.dir, "backupctl"));
      const made = shell(
        world,
        `chmod 755 backupctl && install -d -m 755 etc && install -d -m 700 -o 65534 -g 65534 data && cd etc && "$B" init ${flags}`,
      );
      expect(made).toMatchObject({ status: 0 });
      expect(shell(world, `cd etc && ${user} config validate`)).toMatchObject({ status: 3 });
      expect(shell(world, "cd etc && chown 65534:65534 backupctl.yml .env")).toMatchObject({ status: 0 });
      for (const command of ["config validate", "test", "run --all", "status"])
        expect({ command, ...shell(world, `cd etc && ${user} ${command}`) }).toMatchObject({ command, status: 0 });
    },
    30_000,
  );

  testAsRoot(
    "somebody without rights is told what he may not, and never that there are no backups",
    async () => {
      await using world = await openTestWorld();
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const place = await mkdtemp(join(tmpdir(), "bk-nobody-"));
      try {
        await chmod(place, 0o755);
        await chmod(world.dir, 0o755);
        await copyFile(binaryPath, join(place, "backupctl"));
        await chmod(join(place, "backupctl"), 0o755);
        const nobody = `setpriv --reuid=65534 --regid=65534 --clear-groups ${place}/backupctl`;
        const listed = shell(world, `${nobody} snapshots shop`);
        expect(listed.status).toBe(4);
        expect(listed.stderr).toContain("EACCES");
        expect(listed.stderr).not.toContain("has no backups");
        const run = shell(world, `${nobody} run shop`);
        expect(run.status).not.toBe(0);
        expect(run.stderr).toContain("hint:");
        expect(run.stderr).not.toContain("    at ");
      } finally {
        await rm(place, { recursive: true, force: true });
      }
    },
    30_000,
  );
});
