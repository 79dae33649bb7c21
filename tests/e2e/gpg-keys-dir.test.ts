// Public keys that lie in GPG_KEYS_DIR are imported when the program starts, so that a container needs no keyring.

import { afterAll, expect } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { startDaemon } from "../support/daemon-process.ts";
import { needs } from "../support/requirement.ts";
import { openTestWorld, type World } from "../support/world.ts";

const test = needs(binaryPath, "gpg");
// Short: gpg's agent listens on a socket below it.
const ownerHome = await mkdtemp(join(tmpdir(), "bkg-"));
const homes = [ownerHome];

afterAll(async () => {
  for (const home of homes) Bun.spawnSync(["gpgconf", "--homedir", home, "--kill", "all"]);
  await rm(ownerHome, { recursive: true, force: true });
});

function gpg(home: string, ...args: string[]): string {
  const child = Bun.spawnSync(["gpg", "--homedir", home, "--batch", "--no-tty", "--quiet", ...args]);
  if (child.exitCode !== 0) throw new Error(child.stderr.toString());
  return child.stdout.toString("latin1");
}

/** The owner's secret key never leaves `ownerHome`; a directory of public keys, and of what is none, goes to the program. */
async function openWorld(): Promise<World> {
  if (!(await readdir(ownerHome)).includes("pubring.kbx")) {
    const kind = ["future-default", "default", "never"];
    gpg(ownerHome, "--passphrase", "", "--quick-generate-key", "Ops <ops@example.org>", ...kind);
  }
  const world = await openTestWorld({ env: { GPG_KEYS_DIR: "keys" } });
  homes.push(join(world.dir, ".gnupg"));
  const keys = join(world.dir, "keys");
  await mkdir(keys);
  await writeFile(join(keys, "ops.gpg"), Buffer.from(gpg(ownerHome, "--export", "ops@example.org"), "latin1"));
  await writeFile(join(keys, "broken.asc"), "-----BEGIN PGP PUBLIC KEY BLOCK-----\nno key\n");
  await writeFile(join(keys, "README.txt"), "not a key");
  await world.configure({
    project: {
      cron: "0 3 * * *",
      assets: { paths: [] },
      verification: { enabled: false },
      encryption: { enabled: true, type: "gpg", recipient: "ops@example.org" },
    },
  });
  return world;
}

test("by a run, which can encrypt at once; the owner alone can read the backup", async () => {
  await using world = await openWorld();
  const outcome = await world.run("run", "shop");
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(outcome.stderr).toContain("GPG_KEYS_DIR: ");
  const stored = (await world.listObjects("disk")).find((key) => key.endsWith(".gpg"))!;
  const listed = gpg(join(world.dir, ".gnupg"), "--list-secret-keys");
  expect(listed).toBe("");
  const plain = join(world.dir, "plain.zst");
  gpg(ownerHome, "--output", plain, "--decrypt", join(world.storagePath("disk"), stored));
  const magic = Buffer.from(await Bun.file(plain).slice(0, 4).arrayBuffer());
  expect(magic.toString("hex")).toBe("28b52ffd");
}, 60_000);

test("by the daemon, before its first schedule; a directory that is away keeps nothing from beginning", async () => {
  await using world = await openWorld();
  {
    await using daemon = await startDaemon(world);
    expect(gpg(join(world.dir, ".gnupg"), "--list-keys")).toContain("ops@example.org");
    expect(daemon.output).toContain("GPG_KEYS_DIR: ");
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
  }
  await rm(join(world.dir, "keys"), { recursive: true });
  await using again = await startDaemon(world);
  expect(again.output).toContain("cannot be read");
  // The keyring has the key already.
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
}, 60_000);
