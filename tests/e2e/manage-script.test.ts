// scripts/backupctl-manage.sh and scripts/deploy.sh on a host of their own, with a docker that only records.

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { needs } from "../support/requirement.ts";
import { openManagedHost, runningContainer, type ManagedHost } from "../support/managed-host.ts";

const testHost = needs("bash", "ssh-keygen", "sftp", "script");
const testWithGit = needs("bash", "git");

const projects = `version: 1
projects:
  - name: shop
    database: { type: postgres, host: db, name: shop, user: backup, password: "\${SHOP_DB_PASSWORD}" }
    restic: { repository_path: /backups/shop, password: "\${RESTIC_PASSWORD}" }
`;
const environment = `AUDIT_DB_PASSWORD=audit-canary
RESTIC_PASSWORD='restic canary'
SHOP_DB_PASSWORD=shop-canary
HEALTH_DISK_MIN_FREE_GB=0
`;

/** A host as setup leaves it. */
async function readyHost(env: Readonly<Record<string, string>> = {}): Promise<ManagedHost> {
  const host = await openManagedHost(env);
  await host.write(".env", environment);
  await host.write("config/projects.yml", projects);
  await mkdir(host.dataPath);
  return host;
}

describe("backupctl-manage", () => {
  testHost("prints every command, and fails for want of one", async () => {
    await using host = await openManagedHost();
    const { exitCode, output } = await host.run();
    expect(exitCode).toBe(1);
    for (const name of ["setup", "check", "deploy", "update", "logs", "shell", "backup-dir", "status"])
      expect(output).toContain(`\n  ${name} `);
    expect((await host.run("help")).exitCode).toBe(0);
    expect(await host.run("destroy")).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("unknown command destroy"),
    });
    expect(await host.run("check", "--fast")).toMatchObject({ exitCode: 1 });
    expect(await host.calls()).toEqual([]);
  });

  testHost("passes on to docker what logs, shell and status need", async () => {
    await using host = await readyHost();
    await host.answer(...runningContainer);
    expect((await host.run("logs")).exitCode).toBe(0);
    expect((await host.run("logs", "--since", "1h")).exitCode).toBe(0);
    expect((await host.run("shell")).exitCode).toBe(0);
    expect((await host.run("status")).exitCode).toBe(0);
    expect(await host.calls()).toEqual([
      "logs --tail 200 -f backupctl",
      "logs --tail 200 --since 1h backupctl",
      expect.stringContaining("inspect"),
      "exec -i backupctl bash",
      expect.stringContaining("ps -a"),
      expect.stringContaining("inspect"),
      "exec backupctl backupctl status",
    ]);
  });

  testHost("says what to do where no container runs", async () => {
    await using host = await readyHost();
    await host.answer({ call: "inspect*", exitCode: 1 });
    for (const command of ["shell", "status"])
      expect(await host.run(command)).toMatchObject({
        exitCode: 1,
        output: expect.stringContaining("hint: scripts/backupctl-manage.sh deploy"),
      });
  });

  testHost("lists the size of each project's directory", async () => {
    await using host = await readyHost();
    await mkdir(`${host.dataPath}/shop and more`);
    const { exitCode, output } = await host.run("backup-dir");
    expect(exitCode).toBe(0);
    expect(output).toContain(`${host.dataPath}/shop and more`);
  });
});

describe("backupctl-manage check", () => {
  testHost("passes on a host that is complete, and shows no secret", async () => {
    await using host = await readyHost();
    await host.answer(...runningContainer);
    const { exitCode, output } = await host.run("check");
    expect(output).toContain("all passed");
    expect(output).not.toContain("FAIL");
    expect(exitCode).toBe(0);
    expect(output).not.toContain("canary");
  });

  const broken: readonly (readonly [what: string, fails: string, breakIt: (host: ManagedHost) => Promise<void>])[] = [
    [
      "the daemon is down",
      "Docker daemon answers",
      (host) => host.answer({ call: "info*", exitCode: 1 }, ...runningContainer),
    ],
    [
      "Compose is missing",
      "Docker Compose is available",
      (host) => host.answer({ call: "compose version*", exitCode: 1 }, ...runningContainer),
    ],
    [
      "a variable of the configuration is not set",
      "not set: SHOP_DB_PASSWORD",
      (host) => host.write(".env", "AUDIT_DB_PASSWORD=a\nRESTIC_PASSWORD=b\n"),
    ],
    [
      "a variable is set to nothing",
      "not set: AUDIT_DB_PASSWORD",
      (host) => host.write(".env", environment.replace("audit-canary", "")),
    ],
    [
      "the configuration is missing",
      "config/projects.yml exists",
      async (host) => void spawnSync("rm", [host.path("config/projects.yml")]),
    ],
    [
      "the configuration is wrong",
      "config/projects.yml is valid",
      (host) => host.answer({ call: "compose*config validate", exitCode: 3 }, ...runningContainer),
    ],
    [
      ".env can be read by others",
      ".env is closed to others",
      async (host) => void spawnSync("chmod", ["644", host.path(".env")]),
    ],
    ["the backup directory is missing", "backup directory", async (host) => void spawnSync("rmdir", [host.dataPath])],
    [
      "there is too little space",
      "disk space",
      (host) => host.write(".env", environment.replace("GB=0", "GB=9999999")),
    ],
    [
      "the container is unhealthy",
      "container is running unhealthy",
      (host) => host.answer({ call: "inspect*.State.Status*", prints: "running unhealthy" }, ...runningContainer),
    ],
    [
      "the host key is unknown",
      "known_hosts contains box.example",
      (host) => host.write(".env", `${environment}HETZNER_SSH_HOST=box.example\nHETZNER_SSH_USER=u1\n`),
    ],
    [
      "the key is missing",
      "SSH key exists",
      (host) => host.write(".env", `${environment}HETZNER_SSH_HOST=box.example\nHETZNER_SSH_USER=u1\n`),
    ],
    [
      "the key of a recipient is missing",
      "no key in gpg-keys/ for: ops@example.com",
      (host) =>
        host.write("config/projects.yml", `${projects}    encryption: { type: gpg, recipient: ops@example.com }\n`),
    ],
  ];
  for (const [what, fails, breakIt] of broken)
    testHost(`fails when ${what}`, async () => {
      await using host = await readyHost();
      await host.answer(...runningContainer);
      await breakIt(host);
      const { exitCode, output } = await host.run("check");
      expect(output.split("\n").some((line) => line.includes(fails))).toBe(true);
      expect(output).toContain("FAIL");
      expect(exitCode).toBe(1);
      expect(output).not.toContain("canary");
    });

  testHost("never executes what stands in .env", async () => {
    await using host = await readyHost();
    await host.write(
      ".env",
      `${environment}EVIL=$(touch ${host.path("executed")})\nAUDIT_DB_NAME=\`touch ${host.path("executed")}\`\n`,
    );
    await host.run("check");
    await host.run("setup");
    expect(existsSync(host.path("executed"))).toBe(false);
  });
});

describe("deploy", () => {
  testHost("validates, builds, starts and checks, in this order", async () => {
    await using host = await readyHost();
    await host.answer(...runningContainer);
    const { exitCode, output } = await host.deploy();
    expect(output).toContain("=== backupctl deployed successfully ===");
    expect(exitCode).toBe(0);
    const calls = (await host.calls()).filter(
      (call) => !/^(inspect|image inspect|info|port|compose version|network)/.test(call),
    );
    expect(calls.map((call) => call.replace(/.*docker-compose\.yml /, "compose "))).toEqual([
      "compose run --rm --no-deps -T backupctl config validate",
      "compose build",
      "compose run --rm --no-deps -T backupctl config validate",
      "compose up -d",
      "exec backupctl backupctl health",
    ]);
  });

  testHost("builds anew with --rebuild, also by way of the management script", async () => {
    await using host = await readyHost();
    await host.answer(...runningContainer);
    expect((await host.run("deploy", "--rebuild")).exitCode).toBe(0);
    expect((await host.calls()).some((call) => call.endsWith("docker-compose.yml build --no-cache --pull"))).toBe(true);
    expect((await host.run("deploy", "--fast")).exitCode).toBe(1);
  });

  testHost("changes nothing while the configuration is wrong", async () => {
    await using host = await readyHost();
    await host.answer(
      { call: "compose*config validate", exitCode: 3, prints: "projects.yml:3:5: wrong" },
      ...runningContainer,
    );
    const { exitCode, output } = await host.deploy();
    expect(exitCode).toBe(1);
    expect(output).toContain("nothing was changed");
    expect((await host.calls()).filter((call) => / (build|up|exec)\b/.test(call))).toEqual([]);
  });

  testHost("makes the network before anything uses it, by the name that .env gives it", async () => {
    await using host = await readyHost();
    await host.write(".env", `${environment}export BACKUPCTL_NETWORK='shop net'\n`);
    await host.answer({ call: "network inspect*", exitCode: 1 }, ...runningContainer);
    expect((await host.deploy()).exitCode).toBe(0);
    const calls = await host.calls();
    const made = calls.indexOf("network create shop net");
    expect(made).toBeGreaterThanOrEqual(0);
    expect(calls.findIndex((call) => / (run|up) /.test(call))).toBeGreaterThan(made);
  });

  testHost("changes nothing while another program has the port", async () => {
    using other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    await using host = await readyHost({ APP_PORT: `${other.port}` });
    await host.answer(...runningContainer);
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining(`port ${other.port} of this machine is taken, nothing was changed`),
    });
    expect((await host.calls()).filter((call) => / (build|up|run) /.test(call))).toEqual([]);
    await host.answer({ call: "port backupctl", prints: `3100/tcp -> 127.0.0.1:${other.port}` }, ...runningContainer);
    expect((await host.deploy()).exitCode).toBe(0);
  });

  testHost("starts the image of before again when the new one does not become healthy", async () => {
    await using host = await readyHost({ DEPLOY_HEALTH_WAIT_SECONDS: "1" });
    const ids = [
      { call: "inspect*{{.Image}}*", prints: "sha256:old" },
      { call: "inspect*{{.Config.Image}}*", prints: "backupctl" },
      { call: "image inspect*", prints: "sha256:new" },
    ];
    await host.answer(...ids, { call: "inspect*", prints: "unhealthy" });
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("neither the new version nor the one before it starts"),
    });
    const calls = (await host.calls()).map((call) => call.replace(/.*docker-compose\.yml /, "compose "));
    expect(calls.slice(calls.indexOf("compose up -d"))).toEqual(
      expect.arrayContaining(["tag sha256:old backupctl", "compose up -d --no-build"]),
    );
    await host.answer({ call: "image inspect*", prints: "sha256:old" }, ...ids, {
      call: "inspect*",
      prints: "unhealthy",
    });
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("the container is unhealthy"),
    });
    expect((await host.calls()).filter((call) => call.startsWith("tag "))).toEqual([]);
  });

  testHost("adds this host's own compose file where there is one", async () => {
    await using host = await readyHost();
    await host.write("deploy/docker-compose.override.yml", "services: {}\n");
    await host.answer(...runningContainer);
    expect((await host.deploy()).exitCode).toBe(0);
    const built = (await host.calls()).find((call) => call.endsWith(" build"));
    expect(built).toContain("docker-compose.yml -f ");
    expect(built).toContain("deploy/docker-compose.override.yml build");
  });

  testHost("starts nothing when the first image finds the configuration wrong", async () => {
    await using host = await readyHost();
    await host.answer({ call: "inspect*", exitCode: 1 }, { call: "compose*run*config validate", exitCode: 3 });
    const { exitCode, output } = await host.deploy();
    expect(exitCode).toBe(1);
    expect(output).toContain("nothing was started");
    expect((await host.calls()).filter((call) => call.endsWith("up -d"))).toEqual([]);
  });

  testHost("leaves what runs alone when the build fails", async () => {
    await using host = await readyHost();
    await host.answer({ call: "compose*build", exitCode: 17 }, ...runningContainer);
    const { exitCode } = await host.deploy();
    expect(exitCode).toBe(1);
    expect((await host.calls()).filter((call) => call.endsWith("up -d"))).toEqual([]);
  });

  testHost("fails when the container does not become healthy, or its health check fails", async () => {
    await using host = await readyHost({ DEPLOY_HEALTH_WAIT_SECONDS: "2" });
    await host.answer({ call: "inspect*Running*", prints: "true" }, { call: "inspect*", prints: "starting" });
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("the container is starting after 2 s"),
    });
    await host.answer({ call: "exec*health", exitCode: 4 }, ...runningContainer);
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("the health check failed"),
    });
  });

  testHost("needs .env, docker and a daemon, and says how to get them", async () => {
    await using host = await openManagedHost();
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("hint: run scripts/backupctl-manage.sh setup"),
    });
    await host.answer({ call: "info*", exitCode: 1 });
    expect(await host.deploy()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("the docker daemon does not answer"),
    });
  });
});

describe("backupctl-manage update", () => {
  async function cloneHost(): Promise<ManagedHost> {
    const host = await readyHost();
    const git = (...args: string[]): void => {
      const done = spawnSync("git", ["-C", host.root, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
        env: { PATH: process.env["PATH"], HOME: host.root },
      });
      if (done.status !== 0) throw new Error(`git ${args.join(" ")}: ${done.stderr.toString()}`);
    };
    git("init", "-q", "-b", "main");
    git("add", "scripts", "deploy");
    git("commit", "-q", "-m", "one");
    git("clone", "-q", "--bare", host.root, `${host.root}.git`);
    git("remote", "add", "origin", `${host.root}.git`);
    git("fetch", "-q");
    git("branch", "-q", "--set-upstream-to=origin/main");
    return host;
  }

  testWithGit("pulls, builds, migrates with the new image, then restarts", async () => {
    await using host = await cloneHost();
    await host.answer(...runningContainer);
    expect(await host.run("update")).toMatchObject({ exitCode: 0, output: expect.stringContaining("updated") });
    expect(
      (await host.calls())
        .filter((call) => call.includes("docker-compose.yml "))
        .map((call) => call.replace(/.*docker-compose\.yml /, "")),
    ).toEqual([
      "run --rm --no-deps -T backupctl config validate",
      "build --pull",
      "run --rm --no-deps -T backupctl config validate",
      "run --rm -T backupctl db migrate",
      "up -d",
    ]);
  });

  testWithGit("does not restart when the migration fails", async () => {
    await using host = await cloneHost();
    await host.answer({ call: "compose*db migrate", exitCode: 1 }, ...runningContainer);
    expect(await host.run("update")).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("what runs was left alone"),
    });
    expect((await host.calls()).filter((call) => / up /.test(call))).toEqual([]);
  });

  testWithGit("builds nothing where no newer version could be pulled", async () => {
    await using host = await readyHost();
    expect(await host.run("update")).toMatchObject({ exitCode: 1 });
    expect((await host.calls()).filter((call) => / build/.test(call))).toEqual([]);
  });
});

test("the scripts are part of the tree and may be executed", () => {
  for (const name of ["scripts/deploy.sh", "scripts/backupctl-manage.sh", "deploy/healthcheck.sh"])
    expect(spawnSync("test", ["-x", `${import.meta.dir}/../../${name}`]).status).toBe(0);
});
