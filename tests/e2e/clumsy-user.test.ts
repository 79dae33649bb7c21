// What somebody in a hurry types: each answer names what was wrong, says what to do, and ends with the right exit code.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmod, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { existsSync } from "node:fs";
import { binaryPath, runBinary, testWithBinary as test, type Outcome } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { openTestWorld, type BackupsJson, type World } from "../support/world.ts";

const testAsRoot = needs(binaryPath, "root", "setpriv");
const limitMs = 60_000;

let world: World;

beforeAll(async () => {
  if (!existsSync(binaryPath)) return;
  world = await openTestWorld({ storages: ["disk", "offsite"] });
  await world.run("run", "shop");
}, limitMs);
afterAll(() => world?.[Symbol.asyncDispose]());

/** A hint of ours, or the line about help and suggestions under a refused argument. */
function expectHelp(args: readonly string[], outcome: Outcome, exitCode: number, words: readonly string[]): void {
  const said = outcome.stderr + outcome.stdout;
  expect({ args, exitCode: outcome.exitCode, said }).toMatchObject({ exitCode });
  for (const word of words) expect(said).toContain(word);
  expect(said).toMatch(/hint: |\(Did you mean |--help shows examples\)|\(.+\)$/m);
  expect(said).not.toMatch(/^ {4}at |undefined|\[object /m);
}

type Slip = readonly [args: readonly string[], words: readonly string[], exitCode?: number];

const slips: readonly Slip[] = [
  [["runn", "shop"], ["run"]],
  [["run"], ["name a project", "--all"]],
  [["run", "shop", "--all"], ["exclude each other"]],
  [
    ["run", "shop", "wiki"],
    ["too many arguments", "backupctl run --help"],
  ],
  [["run", "shop", "--dryrun"], ["--dry-run"]],
  [
    ["run", "shpo"],
    ["there is no project shpo", "did you mean shop?"],
  ],
  [
    ["run", "shop", "--storage", "offsiet"],
    ["no storage offsiet", "did you mean offsite?"],
  ],
  [
    ["run", "shop", "--limit-upload", "-5"],
    ["--limit-upload", '"-5"'],
  ],
  [["status", "shpo"], ["did you mean shop?"]],
  [
    ["status", "--last", "0"],
    ["at least 1", "--last 5"],
  ],
  [["status", "--last"], ["argument missing"]],
  [["logs", "shpo"], ["did you mean shop?"]],
  [["logs", "shop", "--last", "1.5"], ['"1.5"']],
  [["logs", "shop", "--level", "warning"], ["debug, info, warn, error"]],
  [["watch", "shpo", "--once"], ["did you mean shop?"]],
  [["snapshots"], ["missing required argument 'project'", "backupctl snapshots --help"]],
  [["snapshots", "shop", "--last", "-1"], ['"-1"']],
  [["snapshots", "shop", "--storage", "dsik"], ["did you mean disk?"]],
  [["prune"], ["name a project"]],
  [["prune", "shop", "--all"], ["exclude each other"]],
  [["prune", "shop", "--storage", "dsik"], ["did you mean disk?"]],
  [
    ["verify", "shop", "nope"],
    ["no backup nope", "backupctl snapshots shop"],
  ],
  [["verify", "shop", "latest", "--level", "deep"], ["checksum, structure, restore"]],
  [["pin", "shop", "nope"], ["no backup nope"]],
  [["export", "shop", "latest", "shop.zip"], ["shop.tar.gz"]],
  [["restore", "shop"], ["--from FILE"]],
  [
    ["restore", "shop", "latest"],
    ["where to restore to", "--into-database"],
  ],
  [["restore", "shop", "latest", "out", "--into-database", "x"], ["not both"]],
  [["restore", "shop", "latest", "out", "--schema-only"], ["--schema-only means nothing"]],
  [["restore", "shop", "latest", "out", "--no-owner"], ["--no-owner means nothing"]],
  [["restore", "shop", "latest", "--into-database", "x.db", "--decompress"], ["--decompress means nothing"]],
  [["restore", "shop", "latest", "--into-database", "x.db", "--clean", "--mode", "drop"], ["contradict"]],
  [["restore", "shop", "latest", "--into-database", "x.db", "--schema-only", "--data-only"], ["exclude each other"]],
  [
    ["restore", "shop", "latest", "backupctl.yml"],
    ["EEXIST", "must be a directory"],
  ],
  [["restore", "--from", "nowhere.dump", "--only", "db"], ["--only means nothing"]],
  [["storage", "check", "dsik"], ["did you mean disk?"]],
  [["catalog", "rebuild", "--storage", "dsik"], ["did you mean disk?"]],
  [["cache", "--clear"], ["--clear needs a project"]],
  [["cache", "shop", "--clear-all"], ["--clear-all takes no project"]],
  [["restic", "shop", "snapshots"], ["has no restic repository"]],
  [["config", "shw"], ["show"]],
  [
    ["config", "import-gpg-key", "nowhere.gpg"],
    ["ENOENT", "check the path"],
  ],
  [["config", "reload"], ["no daemon answers"], 4],
  [["key", "generate", "/dev/null/key"], ["must be a directory"]],
  [["db", "backup", "backupctl.yml"], ["is there already"]],
  [["daemon", "--run-timeout", "soon"], ["as 45m"]],
  [["completion", "bsh"], ["bash, zsh and fish"]],
  [["init"], ["on a terminal", "--answer name="]],
  [["init", "--answer", "name"], ["key=value"]],
  [["-c", "nowhere.yml", "status"], ["it does not exist", "backupctl init"], 3],
];

describe("slips", () => {
  test(
    "each has an answer that helps",
    async () => {
      for (const [args, words, exitCode = 1] of slips) expectHelp(args, await world.run(...args), exitCode, words);
    },
    limitMs,
  );

  test("on the command line are no failed backups, which somebody would be told of", async () => {
    const shown = await world.json<{ runs: readonly { kind: string; status: string }[] }>("status", "shop", "-n", "50");
    const runs = shown.runs.filter((run) => ["backup", "prune"].includes(run.kind));
    expect(runs.length).toBeGreaterThan(0);
    expect(runs.filter((run) => run.status === "failed")).toEqual([]);
    expect(await readdir(world.dir)).not.toContain(".env");
  });

  test("in JSON are one object with code, message and hint", async () => {
    const { exitCode, stdout, stderr } = await world.run("run", "shpo", "--json");
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "usage", message: "there is no project shpo", hint: "did you mean shop? the projects are shop" },
    });
  });

  test(
    "the beginning of an id that fits several backups is refused with those that it fits",
    async () => {
      // Of 33 ids two begin with the same of 32 characters.
      await world.configure({ project: { retention: { keep_last: 100 }, verification: { enabled: false } } });
      let twice: string | undefined;
      for (let made = 0; made < 40 && twice === undefined; made++) {
        await world.run("run", "shop");
        const ids = (await world.json<BackupsJson>("snapshots", "shop")).backups.map(({ id }) => id);
        twice = ids.map((id) => id[0]!).find((first, at, firsts) => firsts.indexOf(first) !== at);
      }
      const refused = await world.run("pin", "shop", twice!);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain(`${twice}`);
      expect(refused.stderr).toMatch(/hint: /);
      expect((await world.json<BackupsJson>("snapshots", "shop")).backups.some(({ pinned }) => pinned)).toBe(false);
    },
    limitMs,
  );

  test(
    "data is not replaced where nobody can be asked",
    async () => {
      const line = ["restore", "shop", "latest", "--into-database", world.databasePath] as const;
      expectHelp(line, await world.run(...line), 1, ["not empty", "--mode drop"]);
      const drop = [...line, "--mode", "drop"];
      expectHelp(drop, await world.run(...drop), 1, ["nobody agreed", "--yes"]);
    },
    limitMs,
  );
});

describe("a configuration", () => {
  const files: readonly (readonly [name: string, text: string, words: readonly string[]])[] = [
    ["tabs.yml", "version: 1\nprojects:\n\t- name: shop\n", ["tabs.yml:3:1", "indent with spaces"]],
    ["text.yml", "just text\n", ["must be a mapping", "key: value"]],
    ["open.yml", "projects: [\n", ["open.yml:2:1"]],
    ["twice.yml", "projects:\n  - name: a\n    name: b\n    assets: { paths: [/x] }\n", ["given twice", "remove one"]],
    [
      "key.yml",
      "projects:\n  - name: a\n    asets: { paths: [/x] }\n",
      ['unknown key "asets"', "did you mean assets?"],
    ],
    ["cron.yml", "projects:\n  - { name: a, cron: 61 2 * * *, assets: { paths: [/x] } }\n", ["0 to 59"]],
    ["none.yml", "projects:\n  - { name: a, storage: dsik, assets: { paths: [/x] } }\n", ['"dsik" does not exist']],
    ["variable.yml", "projects:\n  - { name: '${NO_SUCH_NAME}', assets: { paths: [/x] } }\n", ["set NO_SUCH_NAME"]],
  ];

  test(
    "that cannot be read says where and what, with exit code 3",
    async () => {
      for (const [name, text, words] of files) {
        await writeFile(join(world.dir, name), text);
        const args = ["status", "-c", name];
        expectHelp(args, await world.run(...args), 3, words);
      }
      await writeFile(join(world.dir, "bytes.yml"), new Uint8Array([0xff, 0xfe, 0, 1]));
      expectHelp(["bytes"], await world.run("status", "-c", "bytes.yml"), 3, ["not UTF-8"]);
      expectHelp(["directory"], await world.run("status", "-c", "uploads"), 3, ["it is a directory"]);
      await mkdir(join(world.dir, "empty"));
      const lost = await runBinary(["run", "--all"], { cwd: join(world.dir, "empty"), env: world.env });
      expectHelp(["no file"], lost, 3, ["no configuration file", "backupctl init"]);
    },
    limitMs,
  );

  test("without projects is said to be so", async () => {
    await writeFile(join(world.dir, "empty.yml"), "");
    const validated = await world.run("config", "validate", "-c", "empty.yml");
    expect(validated).toMatchObject({ exitCode: 0 });
    expect(validated.stderr).toContain("nothing is backed up");
    expect((await world.run("status", "-c", "empty.yml")).stderr).toContain("backupctl init");
    expectHelp(["run"], await world.run("run", "--all", "-c", "empty.yml"), 3, ["no project is enabled"]);
  });

  testAsRoot("that one may not read is named, with the reason", async () => {
    await chmod(world.dir, 0o755);
    const path = join(world.dir, "secret.yml");
    await writeFile(path, "projects: []\n", { mode: 0o600 });
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    // The program lies where nobody may look; its copy is open to all.
    const copy = join(world.dir, "backupctl");
    await writeFile(copy, await readFile(binaryPath), { mode: 0o755 });
    const child = Bun.spawn([...nobody, copy, "status", "-c", path], { cwd: "/", env: {}, stderr: "pipe" });
    expect(await child.stderr.text()).toMatch(/secret\.yml[^]*EACCES[^]*hint: check its path and permissions/);
    expect(await child.exited).toBe(3);
  });

  test(
    "of the environment is checked as the file is",
    async () => {
      for (const [name, value, words] of [
        ["TIMEZONE", "Mars/Base", "Europe/Berlin"],
        ["BACKUP_RETRY_COUNT", "-1", "from 0 to 100"],
        ["ENCRYPTION_KEY", "short", "openssl rand -hex 32"],
        ["DATABASE_URL", "bogus://x", "postgres://"],
        ["LISTEN", "everywhere", "a port or host:port"],
        ["LOG_MAX_SIZE", "huge", "10m"],
      ] as const) {
        const outcome = await runBinary(["status"], { cwd: world.dir, env: { ...world.env, [name]: value } });
        expectHelp([name], outcome, 3, [name, words]);
      }
    },
    limitMs,
  );
});
