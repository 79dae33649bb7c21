// Records what versions of restic print, for the tests of their reader: `bun scripts/record-restic-output.ts <restic> …`
// writes tests/fixtures/restic/<version>.json anew. Paths, names and pids of the machine are replaced.

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

interface Recording {
  readonly args: readonly string[];
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nobody of importance, so that a file of mode 0 cannot be read by root either. */
const otherUser = 65_534;
const fixtures = join(import.meta.dir, "..", "tests", "fixtures", "restic");

for (const program of Bun.argv.slice(2)) await recordVersion(program);

async function recordVersion(program: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "restic-"));
  try {
    const recordings = await record(program, directory);
    const version = /restic (\d+\.\d+\.\d+)/.exec(spawnSync(program, ["version"]).stdout.toString())?.[1];
    if (version === undefined) throw new Error(`${program} is no restic`);
    mkdirSync(fixtures, { recursive: true });
    writeFileSync(join(fixtures, `${version}.json`), `${JSON.stringify(recordings, null, 2)}\n`);
    console.log(`${version}: ${Object.keys(recordings).length} recordings`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function record(program: string, directory: string): Promise<Record<string, Recording>> {
  const recordings: Record<string, Recording> = {};
  const at = (...names: string[]): string => join(directory, ...names);
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: otherUser, gid: otherUser } : {};
  const environment = (password = "secret", repository = at("repository")): Record<string, string> => ({
    PATH: process.env["PATH"] ?? "",
    HOME: at("home"),
    TMPDIR: at("tmp"),
    RESTIC_PASSWORD: password,
    RESTIC_REPOSITORY: repository,
    RESTIC_PROGRESS_FPS: "1",
  });
  const clean = (text: string): string =>
    text
      .replaceAll(directory, "/sample")
      .replaceAll(hostname(), "sample-host")
      .replaceAll(/by PID \d+/g, "by PID 4711")
      .replaceAll(/"(username|user)":"[^"]*"/g, '"$1":"sample-user"')
      .replaceAll(/ by [\w-]+ \(UID \d+, GID \d+\)/g, " by sample-user (UID 1000, GID 1000)");
  const run = (name: string, args: readonly string[], env = environment()): Recording => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: directory,
      env,
      ...identity,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const recording = { args, code: status, stdout: clean(stdout.toString()), stderr: clean(stderr.toString()) };
    return (recordings[name] = { ...recording, args: args.map(clean) });
  };

  chmodSync(directory, 0o777);
  mkdirSync(at("home"));
  mkdirSync(at("tmp"));
  mkdirSync(at("files", "deep"), { recursive: true });
  writeFileSync(at("files", "a.txt"), "first\n");
  writeFileSync(at("files", "empty"), "");
  writeFileSync(at("files", "line\nbreak"), "hostile name");
  writeFileSync(at("files", "deep", 'quote".bin'), Buffer.alloc(300_000, 7));
  writeFileSync(at("files", "deep", Buffer.from([0xff, 0x66]).toString("latin1")), "odd name");
  if (isRoot)
    for (const path of [at("home"), at("tmp"), at("files"), at("files", "deep")]) chownSync(path, otherUser, otherUser);

  const backup = ["backup", "--json", "--host", "db1", "--tag", "backupctl:combined", "--tag", "project:shop"];
  run("version", ["version", "--json"]);
  run("no-repository", ["snapshots", "--json"]);
  run("init", ["init", "--json"]);
  run("init-again", ["init", "--json"]);
  run("snapshots-none", ["snapshots", "--json"]);
  run("wrong-password", ["snapshots", "--json"], environment("wrong"));
  run("backup", [...backup, at("files")]);
  // By a relative name: the times of the directories above change with every other program.
  run("backup-relative", [...backup, "files"]);
  run("backup-unchanged", [...backup, "--skip-if-unchanged", "files"]);
  writeFileSync(at("files", "unreadable"), "x");
  chmodSync(at("files", "unreadable"), 0);
  run("backup-incomplete", [...backup, at("files")]);
  rmSync(at("files", "unreadable"));
  run("backup-missing-path", [...backup, at("files"), at("gone")]);
  run("backup-nothing", [...backup, at("gone")]);
  run("snapshots", ["snapshots", "--json", "--tag", "project:shop", "--host", "db1"]);
  run("ls", ["ls", "--json", "latest", at("files")]);
  run("dump-missing", ["dump", "latest", "/nothing/here"]);
  run("snapshot-unknown", ["dump", "00000000", "/nothing/here"]);
  run("restore", ["restore", "--json", "--target", at("restored"), "latest"]);
  run("tag", ["tag", "--json", "--add", "pinned", "latest"]);
  run("stats", ["stats", "--json", "--mode", "raw-data"]);
  run("cat-config", ["cat", "config", "--json"]);

  const holder = spawn(program, ["backup", "--stdin"], {
    env: environment(),
    ...identity,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = new Promise((resolve) => holder.once("exit", resolve));
  for (let tries = 0; tries < 200 && readdirSync(at("repository", "locks")).length === 0; tries++) await Bun.sleep(50);
  await Bun.sleep(500);
  run("locked", ["prune", "--json"]);
  holder.kill("SIGKILL");
  await ended;
  run("locked-by-dead", ["prune", "--json"]);
  run("unlock", ["unlock", "--json"]);

  const [first = ""] = (JSON.parse(recordings["snapshots"]!.stdout) as { id: string }[]).map(({ id }) => id);
  run("forget", ["forget", "--json", first]);
  run("forget-unknown", ["forget", "--json", "0".repeat(64)]);
  run("prune", ["prune", "--json"]);
  run("check", ["check", "--json"]);
  rmSync(at("home", ".cache"), { recursive: true, force: true });
  writeFileSync(at("home", ".cache"), "no directory");
  run("snapshots-without-cache", ["snapshots", "--json"]);
  const [pack] = readdirSync(at("repository", "data"), { recursive: true }).filter((name) =>
    /[0-9a-f]{64}/.test(String(name)),
  );
  writeFileSync(at("repository", "data", String(pack)), "damaged");
  run("check-damaged", ["check", "--json", "--read-data"]);
  return recordings;
}
