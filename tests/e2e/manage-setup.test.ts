// `backupctl-manage setup`, with and without a terminal, against a real sshd where a storage box is involved.

import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { openManagedHost, runningContainer, type ManagedHost } from "../support/managed-host.ts";
import { needs } from "../support/requirement.ts";
import { sshdPrograms, startSshd, type SshdServer } from "../support/sshd-server.ts";

const testHost = needs("bash", "ssh-keygen", "script");
const testWithBox = needs("bash", "script", "sftp", ...sshdPrograms);

const projects = `version: 1
projects:
  - name: shop
    assets: { paths: [/data/shop] }
    restic: { repository_path: /backups/shop, password: "\${RESTIC_PASSWORD}" }
`;
const shown = `settings:
  BACKUP_BASE_DIR: /data/backups
projects:
  - name: shop
    storage:
      - shop-restic
  - name: notes
    storage:
      - local
  - name: wiki
    storage:
      - wiki-restic`;

/** Knows the box as its key and user; the host's own key is the one that the box accepts. */
async function boxHost(server: SshdServer): Promise<ManagedHost> {
  const host = await openManagedHost({
    HETZNER_SSH_HOST: "127.0.0.1",
    HETZNER_SSH_PORT: `${server.port}`,
    HETZNER_SSH_USER: server.user,
  });
  await host.write("config/projects.yml", projects);
  await mkdir(host.path("ssh-keys"), { recursive: true });
  await copyFile(server.privateKeyPath, host.path("ssh-keys/id_ed25519"));
  await copyFile(`${server.privateKeyPath}.pub`, host.path("ssh-keys/id_ed25519.pub"));
  await host.answer(...runningContainer);
  return host;
}

const dialogue = [
  ["Time zone", "Europe/Vienna"],
  ["Directory of this host for backups", ""],
  ["Storage box host", ""],
  ["Storage box user", ""],
] as const;

describe("setup without a terminal", () => {
  testHost("makes keys, settings and an example, and stops where it needs the operator", async () => {
    await using host = await openManagedHost({ TIMEZONE: "Europe/Vienna" });
    const first = await host.run("setup");
    expect(first.output).toContain("describe your projects in it, then run setup again");
    expect(first.exitCode).toBe(1);
    const env = await host.read(".env");
    expect(env).toContain("\nTIMEZONE=Europe/Vienna\n");
    expect(env).toContain(`\nBACKUPCTL_DATA=${host.dataPath}\n`);
    for (const name of ["AUDIT_DB_PASSWORD", "RESTIC_PASSWORD", "ENCRYPTION_KEY"]) {
      const secret = new RegExp(`^${name}=([0-9a-f]{48})$`, "m").exec(env)?.[1];
      expect(secret).toBeDefined();
      expect(first.output).not.toContain(secret!);
    }
    expect(await host.modeOf(".env")).toBe("600");
    expect(await host.modeOf("ssh-keys/id_ed25519")).toBe("600");
    expect(await host.modeOf("ssh-keys")).toBe("700");
    expect(existsSync(host.path("config/projects.yml"))).toBe(true);
  });

  testHost("goes on where it was, keeps what is there, and tells docker no secret", async () => {
    await using host = await openManagedHost();
    await host.run("setup");
    const [env, key] = [await host.read(".env"), await host.read("ssh-keys/id_ed25519")];
    await host.calls();
    await host.answer(
      { call: "exec*config show", prints: shown },
      { call: "exec*restic shop cat config", exitCode: 10 },
      ...runningContainer,
    );
    const { exitCode, output } = await host.run("setup");
    expect(output).toContain("Set up.");
    expect(exitCode).toBe(0);
    expect(await host.read(".env")).toBe(env);
    expect(await host.read("ssh-keys/id_ed25519")).toBe(key);
    const calls = await host.calls();
    expect(calls.filter((call) => call.startsWith("exec"))).toEqual([
      "exec backupctl backupctl db migrate",
      "exec backupctl backupctl config show",
      "exec backupctl backupctl restic shop cat config",
      "exec backupctl backupctl restic shop init",
      "exec backupctl backupctl restic wiki cat config",
      "exec backupctl backupctl health",
    ]);
    const secrets = [...env.matchAll(/^(?:AUDIT_DB_PASSWORD|RESTIC_PASSWORD|ENCRYPTION_KEY)=(.+)$/gm)].map(
      (match) => match[1]!,
    );
    expect(secrets.length).toBe(3);
    for (const secret of secrets) expect(calls.join("\n") + output).not.toContain(secret);
  });

  testHost("does not make a repository that it merely could not open", async () => {
    await using host = await openManagedHost();
    await host.run("setup");
    await host.calls();
    await host.answer(
      { call: "exec*config show", prints: shown },
      { call: "exec*restic shop cat config", exitCode: 12 },
      ...runningContainer,
    );
    expect(await host.run("setup")).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("cannot be opened (exit code 12)"),
    });
    expect((await host.calls()).filter((call) => call.endsWith("init"))).toEqual([]);
  });

  testHost("keeps secrets and answers with odd characters as they are", async () => {
    await using host = await openManagedHost({ RESTIC_PASSWORD: 'a $b #c "d" \\e', TIMEZONE: "UTC" });
    await host.run("setup");
    expect(await host.read(".env")).toContain(`\nRESTIC_PASSWORD='a $b #c "d" \\e'\n`);
    await using refused = await openManagedHost({ RESTIC_PASSWORD: "it's" });
    expect(await refused.run("setup")).toMatchObject({ exitCode: 1, output: expect.not.stringContaining("it's") });
  });

  testHost("starts nothing without a docker daemon", async () => {
    await using host = await openManagedHost();
    await host.answer({ call: "info*", exitCode: 1 });
    expect(await host.run("setup")).toMatchObject({ exitCode: 1, output: expect.stringContaining("hint: start it") });
    expect(existsSync(host.path(".env"))).toBe(false);
  });

  testWithBox("trusts no host key, and goes on once it is known", async () => {
    await using server = await startSshd();
    await using host = await boxHost(server);
    const refused = await host.run("setup");
    expect(refused.output).toContain("run setup on a terminal to compare its fingerprint");
    expect(refused.exitCode).toBe(1);
    expect(existsSync(host.path("ssh-keys/known_hosts"))).toBe(false);
    expect(server.log()).not.toContain("Accepted");

    await copyFile(server.knownHostsPath, host.path("ssh-keys/known_hosts"));
    const { exitCode, output } = await host.run("setup");
    expect(output).toContain("login at 127.0.0.1: works");
    expect(exitCode).toBe(0);
  });

  testWithBox("does not log in at a host whose key has changed", async () => {
    await using server = await startSshd();
    await using other = await startSshd();
    await using host = await boxHost(server);
    const foreign = (await readFile(other.knownHostsPath, "utf8")).replaceAll(`:${other.port} `, `:${server.port} `);
    await writeFile(host.path("ssh-keys/known_hosts"), foreign);
    const { exitCode, output } = await host.run("setup");
    expect(output).toContain("cannot log in at 127.0.0.1");
    expect(exitCode).toBe(1);
    expect(server.log()).not.toContain("Accepted");
  });
});

describe("setup on a terminal", () => {
  testWithBox("shows the fingerprints, and saves nothing when they are not confirmed", async () => {
    await using server = await startSshd();
    await using host = await boxHost(server);
    const { exitCode, output } = await host.type(["setup"], [...dialogue, ["Are these the fingerprints", "no"]]);
    const fingerprint = spawnSync("ssh-keygen", ["-l", "-f", server.knownHostsPath]).stdout.toString().split(" ")[1]!;
    expect(fingerprint).toStartWith("SHA256:");
    expect(output).toContain(fingerprint);
    expect(output).toContain("the host key was not confirmed");
    expect(exitCode).toBe(1);
    expect(existsSync(host.path("ssh-keys/known_hosts"))).toBe(false);
    expect(server.log()).not.toContain("Accepted");
  });

  testWithBox("saves them when they are confirmed, takes public keys of GPG only, and ends set up", async () => {
    await using server = await startSshd();
    await using host = await boxHost(server);
    await host.write("private.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n");
    await host.write("ops.pub.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n");
    const { exitCode, output } = await host.type(
      ["setup"],
      [
        ...dialogue,
        ["Are these the fingerprints", "yes"],
        ["GPG public key file", host.path("private.asc")],
        ["GPG public key file", host.path("ops.pub.asc")],
        ["GPG public key file", ""],
      ],
    );
    expect(output).toContain("login at 127.0.0.1: works");
    expect(output).toContain("is a private key");
    expect(output).toContain("Set up.");
    expect(exitCode).toBe(0);
    expect(await host.read("ssh-keys/known_hosts")).toContain(server.hostKeys.ed25519);
    expect(existsSync(host.path("gpg-keys/ops.pub.gpg"))).toBe(true);
    expect(existsSync(host.path("gpg-keys/private.gpg"))).toBe(false);
    expect(await host.read(".env")).toContain("\nTIMEZONE=Europe/Vienna\n");
  });
});
