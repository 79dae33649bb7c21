// Every secret has a mark of its own. While the program works, no process but itself may show one; afterwards nothing
// that it wrote or said may hold one.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath, testWithBinary as test, type Outcome } from "../support/binary.ts";
import { startPlainSftp, type PlainSftpServer } from "../support/plain-sftp-server.ts";
import { createTestDatabase, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { startS3Server, type S3Server } from "../support/s3-server.ts";
import { openTestWorld, type World } from "../support/world.ts";

/** The marks are looked for, so that a secret that leaks in parts or in another notation is found too. */
const marks = {
  database: "mark4db9",
  s3: "mark4s3x9",
  sftp: "mark4sftp9",
  encryption: "mark4enc9",
  webhook: "mark4hook9",
  state: "mark4state9",
} as const;
const secrets = {
  DB_PASSWORD: `${marks.database}:'\\ "$(x)#ü`,
  S3_SECRET: `${marks.s3}/+==`,
  SFTP_PASSWORD: `${marks.sftp} %&'"`,
  TEST_PASSWORD: `${marks.encryption} and a long sentence`,
};

let postgres: TestServer;
let s3: S3Server;
let sftp: PlainSftpServer;
let hook: ReturnType<typeof Bun.serve>;
beforeAll(async () => {
  postgres = await startTestServer();
  const literal = `'${secrets.DB_PASSWORD.replaceAll("'", "''")}'`;
  await postgres.run("postgres", `CREATE ROLE backup LOGIN SUPERUSER PASSWORD ${literal}`);
  await createTestDatabase(
    postgres,
    "shop",
    "CREATE TABLE lines AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 4000) AS i",
  );
  s3 = await startS3Server({ credentials: { accessKey: "AKIATEST", secretKey: secrets.S3_SECRET } });
  sftp = await startPlainSftp({ password: secrets.SFTP_PASSWORD });
  hook = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("no", { status: 500 }) });
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
  await sftp[Symbol.asyncDispose]();
  await hook.stop(true);
}, 60_000);

async function openWorld(
  project: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<World> {
  const world = await openTestWorld({
    env: {
      ...secrets,
      HOOK_URL: `http://127.0.0.1:${hook.port}/services/${marks.webhook}?token=${marks.webhook}`,
      ...env,
    },
  });
  const disk = { name: "disk", type: "local", local: { path: world.storagePath("disk") } };
  const bucket = {
    name: "bucket",
    type: "s3",
    s3: { bucket: s3.bucket, endpoint: s3.endpoint, access_key: "AKIATEST", secret_key: "${S3_SECRET}" },
  };
  const box = {
    name: "box",
    type: "sftp",
    sftp: {
      host: "127.0.0.1",
      port: sftp.port,
      user: "backup",
      password: "${SFTP_PASSWORD}",
      known_hosts_path: sftp.knownHostsPath,
      path: sftp.dataPath,
    },
  };
  const shop = {
    name: "shop",
    database: {
      type: "postgres",
      host: "127.0.0.1",
      port: postgres.port,
      name: "shop",
      user: "backup",
      password: "${DB_PASSWORD}",
      options: { globals: true },
    },
    storage: ["disk", "bucket", "box"],
    encryption: { enabled: true, type: "aes-256-gcm", password: "${TEST_PASSWORD}" },
    retention: { keep_last: 2 },
    verification: { enabled: true, level: "restore" },
    notification: { type: "webhook", config: { url: "${HOOK_URL}" } },
    ...project,
  };
  await world.configure({ file: { storage: [disk, bucket, box], projects: [shop] } });
  return world;
}

function marksIn(text: string): readonly string[] {
  return Object.values(marks).filter((mark) => text.includes(mark));
}

function expectClean(outcome: Outcome): Outcome {
  expect(marksIn(outcome.stdout)).toEqual([]);
  expect(marksIn(outcome.stderr)).toEqual([]);
  return outcome;
}

/** Everything below the world except what the test itself wrote there. */
async function filesThatTell(world: World): Promise<readonly string[]> {
  const telling: string[] = [];
  for (const folder of [world.dir, sftp.dataPath]) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const found = marksIn(await readFile(path, "latin1"));
      if (found.length > 0) telling.push(`${path}: ${found.join()}`);
    }
  }
  for (const [key, object] of s3.objects) {
    const texts = await Promise.all(object.bodies.map(({ file }) => readFile(file, "latin1")));
    if (marksIn(texts.join("")).length > 0) telling.push(key);
    if (marksIn(JSON.stringify(object.headers)).length > 0) telling.push(`${key} (headers)`);
  }
  return telling;
}

function readProcess(pid: number | string, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, "latin1");
  } catch {
    return "";
  }
}

/** Runs the program and looks at every process below it, and at the program's own arguments, all the time. */
async function runWatched(
  world: World,
  ...args: string[]
): Promise<{ outcome: Outcome; shown: string[]; programs: Set<string> }> {
  const child = Bun.spawn([binaryPath, ...args], {
    cwd: world.dir,
    env: { PATH: process.env["PATH"]!, HOME: world.dir, ...world.env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const shown = new Set<string>();
  const programs = new Set<string>();
  const parents = new Map<number, number>([[child.pid, 0]]);
  const look = (): void => {
    const own = readProcess(child.pid, "cmdline");
    for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      const stat = readProcess(name, "stat");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (parents.has(parent)) parents.set(Number(name), parent);
      const argv = readProcess(name, "cmdline");
      for (const mark of marksIn(argv)) shown.add(`argv ${argv}: ${mark}`);
      // Until it executes its program a new child is a copy of the parent.
      if (!parents.has(Number(name)) || Number(name) === child.pid || argv === own || argv === "") continue;
      for (const word of argv.split("\0")) if (word.startsWith("/")) programs.add(word.split("/").at(-1)!);
      for (const mark of marksIn(readProcess(name, "environ"))) shown.add(`environment of ${argv}: ${mark}`);
    }
  };
  const timer = setInterval(look, 3);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  clearInterval(timer);
  return { outcome: { exitCode: child.exitCode, signal: null, stdout, stderr }, shown: [...shown], programs };
}

describe("secrets", () => {
  test("no process shows one, and nothing that is written or said holds one: backup, verify, restore", async () => {
    await using world = await openWorld();
    const seen = new Set<string>();
    for (const args of [
      ["run", "shop", "--verbose"],
      ["run", "shop", "--json"],
      ["verify", "shop", "latest", "--level", "restore", "--verbose"],
      ["restore", "shop", "latest", "--into-database", "copy", "--jobs", "2", "--verbose"],
      ["restore", "shop", "latest", "--into-database", "copy", "--mode", "drop", "--yes"],
      ["restore", "shop", "latest", "out", "--decompress", "--guide", "--only", "db"],
      ["export", "shop", "latest", "bundle.tar.gz"],
      ["prune", "shop"],
      ["test", "--json"],
    ]) {
      const { outcome, shown, programs } = await runWatched(world, ...args);
      if (args[0] !== "test") expect({ args, ...outcome }).toMatchObject({ exitCode: 0 });
      expectClean(outcome);
      expect(shown).toEqual([]);
      for (const program of programs) seen.add(program);
    }
    expect([...seen]).toEqual(expect.arrayContaining(["pg_dump", "pg_restore"]));
    expect(await filesThatTell(world)).toEqual([]);
    expect(await readdir(join(world.env["BACKUP_BASE_DIR"]!, ".tmp"))).toEqual([]);
  }, 90_000);

  test("no command tells one", async () => {
    await using world = await openWorld({ verification: { enabled: false } });
    await world.run("run", "shop");
    for (const args of [
      ["config", "show"],
      ["config", "show", "shop"],
      ["config", "show", "--json"],
      ["config", "validate", "--json"],
      ["config", "schema"],
      ["storage", "list"],
      ["storage", "list", "--json"],
      ["storage", "check", "disk"],
      ["test"],
      ["test", "--json", "--verbose"],
      ["key", "list"],
      ["key", "list", "--json"],
      ["key", "recovery-kit", "kit.txt"],
      ["db", "status"],
      ["db", "status", "--json"],
      ["status", "--json"],
      ["logs", "shop", "--level", "debug"],
      ["logs", "shop", "--json"],
      ["snapshots", "shop", "--json"],
      ["run", "shop", "--dry-run"],
      ["catalog", "rebuild"],
    ]) {
      const outcome = await world.run(...args);
      expect({ args, out: marksIn(outcome.stdout + outcome.stderr) }).toEqual({ args, out: [] });
    }
    // The kit is there to hold them.
    const kit = join(world.dir, "kit.txt");
    expect((await stat(kit)).mode & 0o777).toBe(0o600);
    await rm(kit);
    expect(await filesThatTell(world)).toEqual([]);
  }, 60_000);

  test("no message about wrong ones tells them, nor the right ones", async () => {
    const wrong = {
      DB_PASSWORD: `${marks.database} wrong '\\`,
      S3_SECRET: `${marks.s3} wrong`,
      SFTP_PASSWORD: `${marks.sftp} wrong`,
      TEST_PASSWORD: `${marks.encryption} wrong and long enough`,
    };
    await using world = await openWorld({ verification: { enabled: false } });
    await world.run("run", "shop");
    for (const [name, value] of Object.entries(wrong)) {
      const broken = { ...world, env: { ...world.env, [name]: value } };
      for (const args of [
        ["run", "shop", "--verbose"],
        ["test", "--json"],
        ["restore", "shop", "latest", "--into-database", `never ${name}`, "--storage", "box", "--verbose"],
      ]) {
        const { outcome } = await runWatched(broken, ...args);
        expect({ name, args, out: marksIn(outcome.stdout + outcome.stderr) }).toEqual({ name, args, out: [] });
        expect(outcome.stderr + outcome.stdout).not.toContain("    at ");
      }
    }
    expect(await filesThatTell(world)).toEqual([]);
  }, 60_000);

  test("an error that names a place with a secret in it tells the place without it, whichever way it is told", async () => {
    const database = { type: "sqlite", path: `/nowhere/${marks.database} and more/shop.db` };
    await using world = await openTestWorld({
      env: { ...secrets, TEST_PASSWORD: `${marks.database} and more` },
      project: { database },
    });
    const commands = [
      ["run", "shop"],
      ["run", "shop", "--json"],
      ["run", "shop", "--dry-run"],
      ["run", "shop", "--dry-run", "--json"],
      ["test", "shop"],
      ["test", "shop", "--json"],
      ["health"],
      ["health", "--json"],
      ["logs", "shop"],
      ["restore", "--from", database.path, "--db", "shop", "--json"],
      ["restore", "--from", database.path, "--db", "shop"],
    ];
    for (const command of commands) expectClean(await world.run(...command));
    expect((await world.run("run", "shop", "--json")).stdout).toContain("/nowhere/********/shop.db");
  }, 60_000);

  test("hooks see no secret that they do not name, and what they print of one is masked", async () => {
    await using world = await openWorld({
      storage: ["disk"],
      verification: { enabled: false },
      hooks: { pre_backup: 'echo "hook says $DB_PASSWORD"; echo "and ${TEST_PASSWORD}" >&2; env', post_backup: "env" },
    });
    const outcome = expectClean(await world.run("run", "shop", "--verbose"));
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(outcome.stderr).toContain("pre_hook: hook says ");
    const logs = expectClean(await world.run("logs", "shop", "--level", "debug"));
    expect(logs.stdout).toContain("pre_hook: hook says ");
    expect(await filesThatTell(world)).toEqual([]);
  }, 30_000);

  test("the password of a state store is told by nobody, also when it cannot be reached", async () => {
    const urls = [
      `postgres://state:${marks.state}@127.0.0.1:1/state`,
      `postgres://state:${marks.state}@127.0.0.1:${postgres.port}/state`,
      `postgress://state:${marks.state}@127.0.0.1/x`,
      `postgres://state:${marks.state}@@@/x y`,
    ];
    for (const url of urls) {
      await using world = await openWorld(
        { storage: ["disk"], verification: { enabled: false } },
        { DATABASE_URL: url },
      );
      for (const args of [
        ["db", "status"],
        ["db", "migrate", "--verbose"],
        ["status", "--json"],
        ["run", "shop", "--verbose"],
        ["config", "show"],
        ["config", "show", "--json"],
        ["config", "validate"],
      ]) {
        const outcome = await world.run(...args);
        expect({ url, args, out: marksIn(outcome.stdout + outcome.stderr) }).toEqual({ url, args, out: [] });
      }
      expect(await filesThatTell(world)).toEqual([]);
      await rm(world.env["BACKUP_BASE_DIR"]!, { recursive: true, force: true });
    }
  }, 60_000);
});
