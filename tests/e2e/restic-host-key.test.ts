// A storage box whose host key nobody has saved yet: a person at a terminal is shown it and asked, nobody else ever is.

import { describe, expect } from "bun:test";
import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { writeQuickRepository } from "../support/quick-repository.ts";
import { needs } from "../support/requirement.ts";
import { resticPassword } from "../support/restic-world.ts";
import { sshdPrograms, startSshd, type SshdServer } from "../support/sshd-server.ts";
import { findTool, toolPath } from "../support/tools.ts";
import { typeOnTerminal } from "../support/type-on-terminal.ts";
import { openTestWorld, type World } from "../support/world.ts";

const restic = findTool("restic") ?? toolPath("restic");
const test = needs(binaryPath, restic, "script", "ssh", ...sshdPrograms);

interface Box extends AsyncDisposable {
  readonly world: World;
  readonly server: SshdServer;
  readonly knownHosts: string;
}

async function openBox(): Promise<Box> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startSshd());
  const repositoryPath = join(server.dataPath, "shop");
  await writeQuickRepository(repositoryPath, resticPassword);
  const knownHosts = join(server.directory, "ssh keys", "known_hosts");
  const world = stack.use(
    await openTestWorld({
      env: {
        RESTIC_BINARY: restic,
        RESTIC_PASSWORD: resticPassword,
        HETZNER_SSH_HOST: "127.0.0.1",
        HETZNER_SSH_PORT: String(server.port),
        HETZNER_SSH_USER: server.user,
        HETZNER_SSH_KEY_PATH: server.privateKeyPath,
        HETZNER_SSH_KNOWN_HOSTS: knownHosts,
      },
    }),
  );
  await world.configure({
    project: { storage: undefined, encryption: undefined, restic: { repository_path: repositoryPath } },
    file: { storage: undefined },
  });
  return { world, server, knownHosts, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const health = ({ world }: Box, reply: string) =>
  typeOnTerminal(
    `${binaryPath} health`,
    { cwd: world.dir, env: { PATH: process.env["PATH"] ?? "", HOME: world.dir, ...world.env } },
    [["Type yes to save it: ", reply]],
  );

describe("a storage box that is not known yet", () => {
  test("is refused without a question where there is no terminal, and the dry run names it in the line of SSH", async () => {
    await using box = await openBox();
    const { world, server, knownHosts } = box;
    const looked = await world.run("health");
    expect(looked.exitCode).not.toBe(0);
    expect(looked.stdout).toContain(`the host [127.0.0.1]:${server.port} is not in ${knownHosts}`);
    expect(looked.stdout + looked.stderr).not.toContain("Type yes");
    const dry = await world.run("run", "shop", "--dry-run");
    expect(dry.stdout).toContain("failed: storage shop-restic, ssh ");
    expect(dry.exitCode).toBe(4);
    expect(dry.stdout).toMatch(/FAIL ssh \S+@127\.0\.0\.1: the host .* its host key is SHA256:/);
    expect(existsSync(knownHosts)).toBe(false);
    expect(server.log()).not.toContain("Accepted");
  }, 60_000);

  test("is shown to a person and refused when its key is not confirmed", async () => {
    await using box = await openBox();
    const { exitCode, output } = await health(box, "no");
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(/It shows the \S+ key SHA256:/);
    expect(existsSync(box.knownHosts)).toBe(false);
  }, 60_000);

  test("is saved once it is confirmed, and then a backup runs and every check of the dry run passes", async () => {
    await using box = await openBox();
    const { world, server, knownHosts } = box;
    const { output } = await health(box, "yes");
    expect(output).toContain(`saved in ${knownHosts}`);
    expect(output).toMatch(/storage shop-restic: .*repository [0-9a-f]{8}/);
    const [, saved] = readFileSync(knownHosts, "utf8").trim().split(/ (.*)/s);
    expect(Object.values(server.hostKeys)).toContain(saved!);
    const dry = await world.run("run", "shop", "--dry-run");
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(dry.stdout).toContain(`ssh ${server.user}@127.0.0.1: connected and logged in`);
    expect(dry.stdout).not.toContain("FAIL");
    expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  }, 60_000);
});
