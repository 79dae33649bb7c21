// `health` by the program: what it says, its exit codes, and the question about an SSH host that nobody knows yet.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { freePort } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { hasSshd, sshdPrograms, startSshd, type SshdServer } from "../support/sshd-server.ts";
import { runOnTerminal } from "../support/terminal.ts";
import { canary, openTestWorld, type World } from "../support/world.ts";

interface HealthJson {
  readonly status: string;
  readonly checks: readonly { readonly name: string; readonly status: string; readonly code: string | null }[];
}

const limitMs = 30_000;

describe("health", () => {
  const test = needs(binaryPath);

  test(
    "of a new installation passes, and warns that nothing was backed up",
    async () => {
      await using world = await openTestWorld();
      const outcome = await world.run("health");
      expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
      expect(outcome.stdout.split("\n").map((line) => line.split(":")[0])).toEqual([
        "ok   state store",
        "ok   disk",
        "ok   storage disk",
        "ok   source shop/database",
        "ok   source shop/assets",
        "ok   encryption shop",
        "ok   notifications",
        "WARN backups shop",
        "     hint",
        "",
      ]);
      await world.run("run", "shop");
      const { status, checks } = await world.json<HealthJson>("health");
      expect([status, ...checks.map((check) => check.status)]).toEqual(Array.from({ length: 9 }, () => "ok"));
      expect(JSON.stringify(checks)).not.toContain(canary);
    },
    limitMs,
  );

  test(
    "fails with 4 when only a connection failed, with 1 when anything else did",
    async () => {
      const local = { name: "disk", type: "local", local: { path: "/nowhere" } };
      const s3 = {
        bucket: "b",
        region: "r",
        endpoint: `http://127.0.0.1:${freePort()}`,
        access_key: "a",
        secret_key: "b",
      };
      const offsite = { name: "offsite", type: "s3", s3 };
      await using world = await openTestWorld({ project: { storage: ["offsite"] }, file: { storage: [offsite] } });
      expect(await world.run("health", "--timeout", "3")).toMatchObject({ exitCode: 4 });
      const stray = join(world.dir, "file");
      await writeFile(stray, "");
      const blocked = { ...local, local: { path: join(stray, "below") } };
      await world.configure({ project: { storage: ["disk"] }, file: { storage: [blocked] } });
      const outcome = await world.run("health");
      expect(outcome.exitCode).toBe(1);
      expect(outcome.stdout).toContain("FAIL storage disk: ");
    },
    limitMs,
  );

  test(
    "fails when the state store cannot be opened, and still looks at the rest",
    async () => {
      await using world = await openTestWorld({ env: { DATABASE_URL: "postgres://nobody@127.0.0.1:1/x" } });
      const outcome = await world.run("health");
      expect(outcome.exitCode).toBe(1);
      expect(outcome.stdout).toContain("FAIL state store: ");
      expect(outcome.stdout).toContain("ok   storage disk");
    },
    limitMs,
  );

  test(
    "is given up where a server takes the connection and never answers",
    async () => {
      using deaf = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
      const database = { type: "postgres", host: "127.0.0.1", port: deaf.port, name: "x", user: "u", password: "p" };
      await using world = await openTestWorld({ project: { database } });
      const startedMs = performance.now();
      const { checks } = await world.json<HealthJson>("health", "--timeout", "2");
      expect(performance.now() - startedMs).toBeLessThan(8_000);
      const failed = checks.filter(({ status }) => status === "failed");
      expect(failed.map(({ name, code }) => [name, code])).toEqual([["source shop/database", "timed_out"]]);
    },
    limitMs,
  );
});

describe("an SSH host that nobody knows", () => {
  const test = needs(binaryPath, ...sshdPrograms);
  let server: SshdServer;
  beforeAll(async () => {
    if (hasSshd()) server = await startSshd();
  }, 30_000);
  afterAll(async () => {
    if (hasSshd()) await server[Symbol.asyncDispose]();
  });

  async function openSshWorld(): Promise<{ world: World; knownHosts: string }> {
    const world = await openTestWorld();
    const knownHosts = join(world.dir, "ssh", "known_hosts");
    const box = { name: "box", type: "sftp", sftp: { ...server.settings(), known_hosts_path: knownHosts } };
    await world.configure({ project: { storage: ["box"] }, file: { storage: [box] } });
    return { world, knownHosts };
  }

  test(
    "fails loudly without a terminal, with its fingerprint, and is not saved",
    async () => {
      const { world, knownHosts } = await openSshWorld();
      await using _ = world;
      const outcome = await world.run("health");
      expect(outcome.exitCode).toBe(4);
      expect(outcome.stdout).toMatch(/FAIL storage box: .* is not in .*known_hosts; its host key is SHA256:/);
      expect(await Bun.file(knownHosts).exists()).toBe(false);
    },
    limitMs,
  );

  test(
    "is shown on a terminal, saved when somebody agrees, and works from then on",
    async () => {
      const { world, knownHosts } = await openSshWorld();
      await using _ = world;
      const refused = await answerOnTerminal(world, "no");
      expect(refused.exitCode).toBe(4);
      expect(refused.text).toContain("shows the ssh-ed25519 key SHA256:");
      expect(await Bun.file(knownHosts).exists()).toBe(false);

      const agreed = await answerOnTerminal(world, "yes");
      expect(agreed.text).toContain("ok   storage box");
      expect(agreed.exitCode).toBe(0);
      expect((await stat(knownHosts)).mode & 0o777).toBe(0o600);
      expect((await stat(dirname(knownHosts))).mode & 0o777).toBe(0o700);
      expect(await readFile(knownHosts, "utf8")).toBe(
        `[127.0.0.1]:${server.port} ${server.hostKeys.ed25519.split(" ").slice(0, 2).join(" ")}\n`,
      );
      expect((await world.run("health")).exitCode).toBe(0);
    },
    limitMs,
  );

  test(
    "is never offered when another key is known: somebody may be in between",
    async () => {
      const { world, knownHosts } = await openSshWorld();
      await using _ = world;
      await mkdir(dirname(knownHosts));
      const [type, key] = server.hostKeys.ed25519.split(" ");
      const other = `${key!.slice(0, -6)}AAAAAA`;
      await writeFile(knownHosts, `# mine\n[127.0.0.1]:${server.port} ${type} ${other}`);
      const outcome = await answerOnTerminal(world, "yes");
      expect(outcome.text).toContain("somebody may be in between");
      expect(outcome.text).not.toContain("Type yes");
      expect(outcome.exitCode).toBe(4);
      // A line without an end is not glued to the next one.
      await writeFile(knownHosts, "# mine");
      expect((await answerOnTerminal(world, "yes")).exitCode).toBe(0);
      expect(await readFile(knownHosts, "utf8")).toStartWith("# mine\n[127.0.0.1]");
    },
    limitMs,
  );
});

/** Answers the question when it comes. */
function answerOnTerminal(world: World, answer: string): Promise<{ exitCode: number | null; text: string }> {
  return runOnTerminal([binaryPath, "health"], {
    cwd: world.dir,
    env: { ...process.env, ...world.env },
    typing: [{ after: "Type yes", keys: `${answer}\r` }],
  });
}
