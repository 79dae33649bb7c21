// Every example line of document 1, sections 8.2 and 8.3, typed into a shell as it is written there: only paths below
// /data and /mnt and the ids of snapshots are those of the test's own world.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { binaryPath, type Outcome } from "../support/binary.ts";
import { startDaemon } from "../support/daemon-process.ts";
import {
  configureLocaboo,
  documentLines,
  openLocabooWorld,
  projects,
  secret,
  shellEnvironment,
  typeInto,
} from "../support/document-one.ts";
import { fuseDevice } from "../support/fuse.ts";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { controlC, runOnTerminal } from "../support/terminal.ts";
import { findTool, toolPath } from "../support/tools.ts";
import type { BackupsJson, World } from "../support/world.ts";

const limitMs = 120_000;
const initdb = await findServerBinaries();
const restic = findTool("restic") ?? toolPath("restic");
const required = [binaryPath, restic, "gpg", initdb === undefined ? "initdb" : join(initdb.binDir, "initdb")];
const test = needs(...required);
const testMount = needs(...required, "root", fuseDevice(), toolPath("fusermount"));
const runIds = /^.* run [0-9a-f-]{36}$/gm;

interface SnapshotJson {
  readonly short_id: string;
  readonly tags: readonly string[];
}

let server: TestServer;
let world: World;
let data: string;
/** Oldest first, as restic lists them. */
let snapshots: readonly SnapshotJson[] = [];
/** The dump's path in the newest snapshot. */
let dumpPath = "";
const typed = new Set<string>();

/** The line with this world's paths and ids in the places of the document's. */
function fit(line: string): string {
  return line
    .replace("/data/backups/locaboo/backup_2026-03-18.sql.gz", dumpPath)
    .replace(/ \/(data|mnt)\//g, ` ${data}/$1/`)
    .replace(/a1b2c3d4|abc123/, snapshots[0]?.short_id ?? "none")
    .replace("def456", snapshots[1]?.short_id ?? "none");
}

async function type(line: string): Promise<Outcome> {
  typed.add(line);
  return await typeInto(world, fit(line));
}

async function succeed(line: string): Promise<string> {
  const { exitCode, stdout, stderr } = await type(line);
  expect({ line, exitCode, stderr: exitCode === 0 ? "" : stderr, stdout }).toMatchObject({ exitCode: 0, stderr: "" });
  return stdout;
}

/** Again: prune and run have changed them. */
async function lookAtSnapshots(): Promise<void> {
  snapshots = JSON.parse(await succeed("backupctl restic locaboo snapshots --json")) as readonly SnapshotJson[];
  const files = (await succeed("backupctl restic locaboo ls latest")).split("\n");
  dumpPath = files.find((path) => path.endsWith(".dump"))!;
}

beforeAll(async () => {
  if (initdb === undefined || !existsSync(restic) || !existsSync(binaryPath)) return;
  server = await startTestServer();
  world = await openLocabooWorld(server);
  data = world.dir;
  // The one-time setup of section 11.1.
  expect(await succeed("backupctl restic locaboo init")).toContain("created restic repository");
  await succeed("backupctl restic project-x init");
  const first = await succeed("backupctl run locaboo # Run backup now");
  expect(first).toMatch(/^locaboo: backup \w+ succeeded/m);
  await Bun.write(join(data, "data/locaboo/uploads/export.sql.gz"), "new\n");
  const all = await succeed("backupctl run --all # Backup all projects (sequential)");
  expect(all).toMatch(/^locaboo: backup \w+ succeeded[^]*^project-x: backup \w+ succeeded/m);
  await lookAtSnapshots();
}, limitMs);

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
}, 60_000);

describe("backup and status", () => {
  test("two runs of locaboo have left two snapshots, with the tags of section 7.3", () => {
    expect(snapshots).toHaveLength(2);
    for (const { tags } of snapshots) expect(tags.slice(0, 2)).toEqual(["backupctl:combined", "project:locaboo"]);
  });

  test(
    "health and status tell of every project",
    async () => {
      const health = await succeed("backupctl health # Full health check");
      for (const word of ["disk", "locaboo-restic", "project-x-restic", "backups locaboo"])
        expect(health).toContain(word);
      const all = await succeed("backupctl status # All projects summary");
      for (const name of projects) expect(all).toMatch(new RegExp(String.raw`${name} +succeeded`));
      const history = await succeed("backupctl status locaboo # Detailed locaboo history");
      expect(history.match(/backup .*succeeded/g)).toHaveLength(2);
      expect(await succeed("backupctl status locaboo --last 5 # Last 5 entries")).toBe(history);
      expect((await succeed("backupctl status locaboo --last 1")).match(/backup .*succeeded/g)).toHaveLength(1);
    },
    limitMs,
  );

  test(
    "a run in progress is refused to a second one with exit code 2",
    async () => {
      const both = await Promise.all([type("backupctl run project-x"), type("backupctl run project-x")]);
      const [done, refused] = both.toSorted((a, b) => a.exitCode! - b.exitCode!);
      expect(done).toMatchObject({ exitCode: 0 });
      expect(refused).toMatchObject({ exitCode: 2 });
      expect(refused!.stderr).toContain("Backup already in progress for project-x");
    },
    limitMs,
  );

  test(
    "a dry run goes through its checks and leaves nothing",
    async () => {
      const said = await succeed("backupctl run locaboo --dry-run # Validate without executing");
      expect(said).toMatch(/all \d+ checks passed/);
      expect((await succeed("backupctl restic locaboo snapshots")).endsWith("2 snapshots\n")).toBe(true);
    },
    limitMs,
  );
});

describe("restore", () => {
  const target = (): string => join(data, "data/restore/locaboo");
  const dumps = async (): Promise<readonly string[]> =>
    (await readdir(target())).filter((name) => name.startsWith("locaboo_manual_")).toSorted();
  async function restore(line: string): Promise<string> {
    await rm(target(), { recursive: true, force: true });
    return await succeed(line);
  }
  const upload = (): string => join(target(), data, "data/locaboo/uploads/export.sql.gz");

  test(
    "a snapshot by its id, and the latest, come back with database and assets",
    async () => {
      await restore("backupctl restore locaboo a1b2c3d4 /data/restore/locaboo");
      expect(await dumps()).toHaveLength(1);
      expect(existsSync(join(dirname(upload()), "a.txt"))).toBe(true);
      expect(existsSync(upload())).toBe(false);
      await restore("backupctl restore locaboo latest /data/restore/locaboo");
      expect(await dumps()).toHaveLength(1);
      expect(await readFile(upload(), "utf8")).toBe("new\n");
    },
    limitMs,
  );

  test(
    "--only takes the database alone, or the assets alone",
    async () => {
      await restore("backupctl restore locaboo latest /data/restore/locaboo --only db # DB dump only");
      expect(await readdir(target())).toEqual([...(await dumps())]);
      await restore("backupctl restore locaboo latest /data/restore/locaboo --only assets # Assets only");
      expect(await dumps()).toEqual([]);
      expect(await readFile(upload(), "utf8")).toBe("new\n");
    },
    limitMs,
  );

  test(
    "--decompress puts SQL beside the dump, --guide says how to import, and both go together",
    async () => {
      await restore("backupctl restore locaboo latest /data/restore/locaboo --decompress # Extract + decompress");
      const sql = (await dumps()).find((name) => name.endsWith(".sql"));
      expect(await readFile(join(target(), sql!), "utf8")).toContain("note 500");
      const guide = await restore(
        "backupctl restore locaboo latest /data/restore/locaboo --guide # Print import instructions",
      );
      expect(guide).toMatch(/pg_restore .*--dbname=.* --clean --if-exists .*\.dump/);
      expect(await dumps()).toHaveLength(1);
      const both = await restore("backupctl restore locaboo latest /data/restore/locaboo --decompress --guide # Both");
      expect(both).toContain("pg_restore");
      expect((await dumps()).some((name) => name.endsWith(".sql"))).toBe(true);
    },
    limitMs,
  );
});

describe("snapshots, logs and prune", () => {
  test(
    "snapshots come with their tags",
    async () => {
      const all = await succeed("backupctl snapshots locaboo # All snapshots (with tags)");
      for (const { short_id: id } of snapshots) expect(all).toContain(id);
      expect(all).toContain("backupctl:combined,project:locaboo");
      expect(await succeed("backupctl snapshots locaboo --last 10 # Last 10")).toBe(all);
      const last = await succeed("backupctl snapshots locaboo --last 1 --json");
      expect((JSON.parse(last) as BackupsJson).backups).toHaveLength(1);
      expect(last).toContain(snapshots[1]!.short_id);
      expect(last).not.toContain(snapshots[0]!.short_id);
    },
    limitMs,
  );

  test(
    "logs are those of every run, of the last, or of the failed ones",
    async () => {
      const none = await type("backupctl logs locaboo --failed");
      expect(none).toMatchObject({ exitCode: 0, stdout: "", stderr: "locaboo has no failed runs\n" });
      expect(await type("RESTIC_BINARY=/nowhere/restic backupctl run locaboo")).toMatchObject({ exitCode: 1 });
      const all = await succeed("backupctl logs locaboo # All logs");
      // Two backups, seven restores, and the backup that failed.
      expect(all.match(runIds)).toHaveLength(10);
      expect(await succeed("backupctl logs locaboo --last 20 # Last 20")).toBe(all);
      expect((await succeed("backupctl logs locaboo --last 2")).match(runIds)).toHaveLength(2);
      const failed = await succeed("backupctl logs locaboo --failed # Failed only");
      expect(failed.match(runIds)).toHaveLength(1);
      expect(failed).toContain("restic could not be started");
    },
    limitMs,
  );

  test(
    "prune goes by the policy, for one project and for all",
    async () => {
      await configureLocaboo(world, server, { keepLast: 1 });
      expect(await succeed("backupctl prune locaboo # Prune locaboo")).toMatch(
        /^locaboo: prune succeeded.*, 1 backup removed$/m,
      );
      const left = await succeed("backupctl restic locaboo snapshots");
      expect(left).toContain(snapshots[1]!.short_id);
      expect(left).toEndWith("1 snapshots\n");
      const all = await succeed("backupctl prune --all # Prune all");
      expect(all).toMatch(/^locaboo: .*, 0 backups removed\nproject-x: .*, 1 backup removed$/m);
      await configureLocaboo(world, server, { keepLast: 2 });
      await succeed("backupctl run locaboo");
      await lookAtSnapshots();
      expect(snapshots).toHaveLength(2);
    },
    limitMs,
  );
});

describe("config", () => {
  test(
    "is checked and shown without its secrets",
    async () => {
      expect(await succeed("backupctl config validate # Validate everything")).toContain("valid, 2 projects");
      const shown = await succeed("backupctl config show locaboo # Show resolved config");
      expect(shown).toContain("backup_user");
      expect(shown).toContain(join(data, "box/locaboo"));
      expect(shown).not.toContain("project-x");
    },
    limitMs,
  );

  test(
    "is read anew by a running daemon; without one the line says so",
    async () => {
      expect(await type("backupctl config reload # Reload YAML + re-register crons")).toMatchObject({ exitCode: 4 });
      await using daemon = await startDaemon(world, { env: { PATH: shellEnvironment(world)["PATH"]! } });
      const said = await succeed("backupctl config reload # Reload YAML + re-register crons");
      expect(said).toContain("2 projects");
      daemon.kill("SIGTERM");
      expect(await daemon.exited).toBe(0);
    },
    limitMs,
  );

  test(
    "a GPG key is imported",
    async () => {
      const made = await type(
        `mkdir -m 700 maker keys && gpg --homedir maker --batch --quiet --passphrase '' --quick-gen-key locaboo@example.org default default never &&
       gpg --homedir maker --export locaboo@example.org > keys/locaboo.pub.gpg; gpgconf --homedir maker --kill all`,
      );
      expect(made).toMatchObject({ exitCode: 0 });
      const said = await succeed("backupctl config import-gpg-key ./keys/locaboo.pub.gpg # Import GPG key");
      expect(said).toContain("locaboo@example.org");
      expect(await succeed("gpg --batch --list-keys; gpgconf --kill all")).toContain("locaboo@example.org");
    },
    limitMs,
  );
});

describe("cache", () => {
  test(
    "its size is shown, one is cleared, all are cleared",
    async () => {
      await succeed("backupctl restic locaboo snapshots");
      const shown = await succeed("backupctl cache locaboo # Show cache size");
      expect(shown).toMatch(/SIZE[^]*locaboo-restic +[1-9][\d.]* [KM]?i?B/);
      const path = /(\S+\.cache\/restic\/[0-9a-f]+)/.exec(shown)![1]!;
      expect(existsSync(path)).toBe(true);
      expect(await succeed("backupctl cache locaboo --clear # Clear project cache")).toContain(path);
      expect(existsSync(path)).toBe(false);
      await succeed("backupctl restic locaboo snapshots");
      const cleared = await succeed("backupctl cache --clear-all # Clear all caches");
      for (const name of projects) expect(cleared).toContain(`${name}-restic`);
      expect(existsSync(path)).toBe(false);
    },
    limitMs,
  );
});

describe("restic passed through", () => {
  test(
    "what it lists, checks and finds is restic's own output",
    async () => {
      for (const comment of ["", " # Raw restic snapshots"]) {
        const listed = await succeed(`backupctl restic locaboo snapshots${comment}`);
        for (const { short_id: id } of snapshots) expect(listed).toContain(id);
      }
      for (const comment of ["", " # Repo integrity"])
        expect(await succeed(`backupctl restic locaboo check${comment}`)).toContain("no errors were found");
      for (const comment of ["", " # Repo stats"])
        expect(await succeed(`backupctl restic locaboo stats${comment}`)).toContain("Total Size");
      for (const comment of ["", " # Diff snapshots"])
        expect(await succeed(`backupctl restic locaboo diff abc123 def456${comment}`)).toContain("comparing snapshot");
      for (const comment of ["", " # List files in latest"])
        expect(await succeed(`backupctl restic locaboo ls latest${comment}`)).toContain("/uploads/export.sql.gz");
      for (const comment of ["", " # Find files"])
        expect(await succeed(`backupctl restic locaboo find "*.sql.gz"${comment}`)).toContain("/uploads/export.sql.gz");
      expect(await succeed("backupctl restic locaboo key list")).toMatch(/\*[0-9a-f]{8}/);
      for (const comment of ["", " # Unlock stuck repo"])
        expect(await succeed(`backupctl restic locaboo unlock${comment}`)).toBe("");
    },
    limitMs,
  );

  test(
    "dump writes the dump of a snapshot to standard output, which pg_restore reads",
    async () => {
      const line = "backupctl restic locaboo dump latest /data/backups/locaboo/backup_2026-03-18.sql.gz";
      typed.add(line);
      const read = await succeed(`${line} > a.dump && ${join(server.binDir, "pg_restore")} --list a.dump`);
      expect(read).toContain("TABLE DATA public notes");
    },
    limitMs,
  );

  test(
    "init of a repository that is there, and ids that are not, end with restic's own exit code",
    async () => {
      const again = await type("backupctl restic locaboo init # Init new repo");
      expect(again).toMatchObject({ exitCode: 1 });
      expect(again.stderr).toContain("already");
      expect(await type("backupctl restic locaboo diff abc999 def999")).toMatchObject({ exitCode: 1 });
    },
    limitMs,
  );

  testMount(
    "mount shows the snapshots until Ctrl-C, and is then unmounted",
    async () => {
      const line = "backupctl restic locaboo mount /mnt/restore";
      typed.add(line);
      const place = join(data, "mnt/restore");
      await mkdir(place, { recursive: true });
      let seen = { ids: [] as string[], upload: "" };
      const { text } = await runOnTerminal(["/bin/sh", "-c", fit(line)], {
        cwd: world.dir,
        env: shellEnvironment(world),
        typing: [
          {
            after: "Ctrl-c",
            keys: controlC,
            async meanwhile() {
              const upload = join(place, "snapshots/latest", data, "data/locaboo/uploads/export.sql.gz");
              seen = { ids: await readdir(join(place, "ids")), upload: await readFile(upload, "utf8") };
            },
          },
        ],
      });
      expect({ seen, text }).toMatchObject({
        seen: { ids: expect.arrayContaining(snapshots.map(({ short_id: id }) => id)) as string[], upload: "new\n" },
      });
      expect(text).not.toContain(secret);
      expect(await readdir(place)).toEqual([]);
      expect(await readFile("/proc/mounts", "utf8")).not.toContain(place);
      // The lock of the mount is gone with it.
      expect(await succeed("backupctl restic locaboo list locks")).toBe("");
    },
    limitMs,
  );
});

describe("the document", () => {
  testMount("has no line that was not typed", () => {
    expect(documentLines.filter((line) => !typed.has(line))).toEqual([]);
  });
});
