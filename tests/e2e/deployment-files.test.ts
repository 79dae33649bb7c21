// The files of deploy/ as their tools read them, without an engine: compose files, example configurations, settings.

import { describe, expect } from "bun:test";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runBinary, testWithBinary } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { toolPath } from "../support/tools.ts";

const root = join(import.meta.dir, "../..");
const testCompose = needs(toolPath("docker"));
const plugin = join(dirname(toolPath("docker")), "../libexec/docker/cli-plugins/docker-compose");

interface ComposeFile {
  readonly services: Readonly<
    Record<
      string,
      {
        ports?: { host_ip?: string; published: string }[];
        cap_drop?: string[];
        privileged?: boolean;
        environment?: Record<string, string>;
      }
    >
  >;
}

async function readCompose(file: string, env: Readonly<Record<string, string>>): Promise<ComposeFile | string> {
  await using folder = await openFolder();
  await cp(join(root, "deploy"), join(folder.path, "deploy"), { recursive: true });
  await writeFile(
    join(folder.path, ".env"),
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  const child = Bun.spawn(
    [plugin, "--env-file", join(folder.path, ".env"), "-f", join(folder.path, file), "config", "--format", "json"],
    {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder.path },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return exitCode === 0 ? (JSON.parse(stdout) as ComposeFile) : stderr;
}

async function openFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "backupctl-deploy-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const files = [
  {
    file: "deploy/docker-compose.yml",
    services: ["backupctl", "backupctl-audit-db"],
    env: { AUDIT_DB_PASSWORD: "p" },
  },
  {
    file: "deploy/docker-compose.companion.yml",
    services: ["db-backup", "mysql", "postgres"],
    env: { MYAPP_DB_PASSWORD: "p", USERS_DB_PASSWORD: "p", ENCRYPTION_KEY: "k".repeat(32) },
  },
];

describe.each(files)("$file", ({ file, services, env }) => {
  testCompose("is valid, and listens on this machine alone, without capabilities", async () => {
    const compose = await readCompose(file, env);
    if (typeof compose === "string") throw new Error(compose);
    expect(Object.keys(compose.services).toSorted()).toEqual(services);
    const own = compose.services["backupctl"] ?? compose.services["db-backup"]!;
    expect(own.cap_drop).toEqual(["ALL"]);
    for (const { ports = [], privileged } of Object.values(compose.services)) {
      expect(privileged).toBeUndefined();
      expect(ports.filter(({ host_ip }) => host_ip !== "127.0.0.1")).toEqual([]);
    }
  });

  for (const name of Object.keys(env))
    testCompose(`does not start without ${name}`, async () => {
      const answer = await readCompose(file, { ...env, [name]: "" });
      expect(answer).toContain(`set ${name} in .env`);
    });
});

describe("configurations of deploy/", () => {
  for (const [file, env] of [
    ["projects.example.yml", { SHOP_DB_PASSWORD: "p", RESTIC_PASSWORD: "p" }],
    ["companion.yml", { MYAPP_DB_PASSWORD: "p", USERS_DB_PASSWORD: "p", ENCRYPTION_KEY: "k".repeat(32) }],
  ] as const)
    testWithBinary(`${file} is valid without a warning`, async () => {
      await using folder = await openFolder();
      const outcome = await runBinary(["config", "validate", "-c", join(root, "deploy", file)], {
        cwd: folder.path,
        env: { ...env, BACKUP_BASE_DIR: join(folder.path, "base") },
      });
      expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("0 errors, 0 warnings") });
    });

  testWithBinary(".env.example is read without a complaint, and has every setting of the one in the root", async () => {
    const [own, general] = await Promise.all(
      ["deploy/.env.example", ".env.example"].map((name) => readFile(join(root, name), "utf8")),
    );
    const namesOf = (text: string): Set<string> =>
      new Set([...text.matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1]!));
    const names = namesOf(own!);
    expect([...namesOf(general!)].filter((name) => !names.has(name) && name !== "DATABASE_URL")).toEqual([]);
    await using folder = await openFolder();
    await mkdir(join(folder.path, "config"));
    await writeFile(join(folder.path, ".env"), own!);
    await writeFile(
      join(folder.path, "config/projects.yml"),
      "version: 1\nprojects: [{ name: a, assets: { paths: [/srv] }, retention: { keep_last: 1 } }]\n",
    );
    const outcome = await runBinary(["config", "validate"], { cwd: folder.path });
    expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("0 errors") });
  });
});
