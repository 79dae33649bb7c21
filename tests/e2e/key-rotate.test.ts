// Changing keys: what was backed up before stays readable, whatever happens in between.

import { expect } from "bun:test";
import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testWithBinary as test } from "../support/binary.ts";
import { canary, openTestWorld, type World } from "../support/world.ts";

interface KeysJson {
  readonly keys: readonly { readonly keyId: string; readonly state: string; readonly backups: number | null }[];
}

const limitMs = 60_000;
const withKeyFile = { project: { encryption: { enabled: true, type: "aes-256-gcm" } } };
const keyPath = (world: World): string => join(world.dir, "base", ".backupctl", "encryption.key");

async function succeed(world: World, ...args: string[]): Promise<string> {
  const outcome = await world.run(...args);
  expect(`${outcome.stderr}${outcome.exitCode}`).toEndWith("0");
  return outcome.stdout;
}

async function backUp(world: World): Promise<string> {
  const { runs } = JSON.parse(await succeed(world, "run", "shop", "--json")) as { runs: { backupId: string }[] };
  return runs[0]!.backupId;
}

async function statesOf(world: World): Promise<readonly string[]> {
  const { keys } = await world.json<KeysJson>("key", "list");
  return keys.map(({ state, backups }) => `${state} ${backups}`);
}

async function expectReadable(world: World, ...ids: string[]): Promise<void> {
  for (const id of ids) await succeed(world, "restore", "shop", id, join(world.dir, "out", crypto.randomUUID()));
}

test(
  "the installation's key is replaced, and every older backup still opens",
  async () => {
    await using world = await openTestWorld(withKeyFile);
    const ids = [await backUp(world)];
    expect(await statesOf(world)).toEqual(["active 1"]);
    for (let round = 0; round < 2; round++) {
      await succeed(world, "key", "rotate");
      ids.push(await backUp(world));
    }
    expect(await statesOf(world)).toEqual(["active 1", "retired 1", "retired 1"]);
    expect((await stat(keyPath(world))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(keyPath(world), ".."))).not.toContainEqual(expect.stringContaining(".rotate-"));
    await expectReadable(world, ...ids);
    // The kit has all of them, and the script that comes with it finds the right one in the file.
    await succeed(world, "key", "recovery-kit", join(world.dir, "kit"));
    expect((await readFile(join(world.dir, "kit"), "utf8")).match(/^ +bkk1_/gm)).toHaveLength(3);
    const objects = await world.listObjects("disk");
    const stored = objects.find((name) => name.includes(ids[0]!) && name.endsWith(".sqlite.zst.enc"))!;
    const script = join(import.meta.dir, "../../scripts/decrypt-backup.mjs");
    const args = ["--key-file", keyPath(world), "--keep-compressed", join(world.storagePath("disk"), stored), "-"];
    expect(Bun.spawnSync(["node", script, ...args]).exitCode).toBe(0);
  },
  limitMs,
);

test(
  "a rotation that is killed leaves the old key or the new one in use, and loses none",
  async () => {
    await using world = await openTestWorld(withKeyFile);
    const ids = [await backUp(world)];
    const before = await readFile(keyPath(world), "utf8");
    expect((await world.runFromSource({ BACKUPCTL_CRASH_AT: "key.new_written" }, "key", "rotate")).signal).toBe(
      "SIGKILL",
    );
    expect(await readFile(keyPath(world), "utf8")).toBe(before);
    ids.push(await backUp(world));
    expect((await world.runFromSource({ BACKUPCTL_CRASH_AT: "key.rotated" }, "key", "rotate")).signal).toBe("SIGKILL");
    expect(await readFile(keyPath(world), "utf8")).toEndWith(before);
    ids.push(await backUp(world));
    expect(await readdir(join(keyPath(world), ".."))).not.toContainEqual(expect.stringContaining(".rotate-"));
    expect(await statesOf(world)).toEqual(["active 1", "retired 2"]);
    await expectReadable(world, ...ids);
  },
  limitMs,
);

test(
  "of two rotations at once none loses a key",
  async () => {
    await using world = await openTestWorld(withKeyFile);
    const id = await backUp(world);
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => world.run("key", "rotate")));
    const done = outcomes.filter(({ exitCode }) => exitCode === 0);
    expect(outcomes.every(({ exitCode }) => exitCode === 0 || exitCode === 2)).toBe(true);
    const text = await readFile(keyPath(world), "utf8");
    expect(text.match(/^bkk1_/gm)).toHaveLength(done.length + 1);
    await expectReadable(world, id);
  },
  limitMs,
);

test(
  "a project's own key file is replaced where it really lies, behind a link too",
  async () => {
    await using world = await openTestWorld();
    const real = join(world.dir, "keys", "real.key");
    await succeed(world, "key", "generate", real);
    const link = join(world.dir, "shop.key");
    await Bun.$`ln -s ${real} ${link}`.quiet();
    await world.configure({ project: { encryption: { enabled: true, type: "aes-256-gcm", key_file: link } } });
    const id = await backUp(world);
    await succeed(world, "key", "rotate", "--project", "shop");
    expect((await readFile(real, "utf8")).match(/^bkk1_/gm)).toHaveLength(2);
    expect((await stat(link)).isFile()).toBe(true);
    await expectReadable(world, id, await backUp(world));
    expect(await statesOf(world)).toEqual(["active 1", "retired 1"]);
  },
  limitMs,
);

test(
  "a password is changed in the configuration, and the list says when an old one is missing",
  async () => {
    await using world = await openTestWorld();
    const id = await backUp(world);
    const refused = await world.run("key", "rotate", "--project", "shop");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("previous_passwords");
    const encryption = { enabled: true, type: "aes-256-gcm", password: "another one, also long enough" };
    await world.configure({ project: { encryption } });
    expect(await statesOf(world)).toEqual(["active 0", "missing 1"]);
    const listed = await world.run("key", "list");
    expect(listed.stderr).toContain("cannot be restored without the missing key");
    expect(listed.stdout + listed.stderr).not.toContain(canary);
    await world.configure({ project: { encryption: { ...encryption, previous_passwords: ["${TEST_PASSWORD}"] } } });
    expect(await statesOf(world)).toEqual(["active 0", "retired 1"]);
    await expectReadable(world, id);
    // The same password on an installation with another salt has another id, and still opens them.
    await rm(join(world.dir, "base", ".backupctl", "password-salt"));
    expect(await statesOf(world)).toEqual(["active 0", "retired 0", "foreign 1"]);
  },
  limitMs,
);

test(
  "ENCRYPTION_KEY is changed in the environment, with the old ones in ENCRYPTION_KEY_PREVIOUS",
  async () => {
    const [first, second] = ["first, with a comma, and long enough", "the second one that is long enough"];
    await using world = await openTestWorld({ ...withKeyFile, env: { ENCRYPTION_KEY: first } });
    const id = await backUp(world);
    const refused = await world.run("key", "rotate");
    expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    expect(refused.stderr).toContain("ENCRYPTION_KEY_PREVIOUS");
    const at = { project: withKeyFile.project };
    await using moved = await openTestWorld({ ...at, env: { ENCRYPTION_KEY: second, ENCRYPTION_KEY_PREVIOUS: first } });
    await Bun.$`rm -rf ${join(moved.dir, "base")} && cp -r ${join(world.dir, "base")} ${join(moved.dir, "base")}`.quiet();
    await mkdir(join(moved.dir, "stores"), { recursive: true });
    await Bun.$`cp -r ${world.storagePath("disk")} ${moved.storagePath("disk")}`.quiet();
    await expectReadable(moved, id, await backUp(moved));
    const shown = await moved.run("config", "show", "shop");
    expect(shown.stdout + shown.stderr).not.toContain("with a comma");
    // Whoever had a key file before still reads what was sealed with it.
    await using file = await openTestWorld(withKeyFile);
    const sealed = await backUp(file);
    await writeFile(join(file.dir, ".env"), `ENCRYPTION_KEY=${second}\n`);
    await expectReadable(file, sealed, await backUp(file));
  },
  limitMs,
);

test(
  "a key file that cannot be replaced stays as it is",
  async () => {
    await using world = await openTestWorld();
    const path = join(world.dir, "damaged.key");
    await writeFile(path, "no key\n");
    await world.configure({ project: { encryption: { enabled: true, type: "aes-256-gcm", key_file: path } } });
    expect((await world.run("key", "rotate", "--project", "shop")).exitCode).toBe(1);
    expect(await readFile(path, "utf8")).toBe("no key\n");
    await rm(path);
    const absent = await world.run("key", "rotate", "--project", "shop");
    expect(absent.stderr).toContain("cannot be replaced: ENOENT");
  },
  limitMs,
);
