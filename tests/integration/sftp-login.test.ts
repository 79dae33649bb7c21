// Whom we talk to over SFTP, and how we log in: nothing is sent to a server that is not the one we know.

import { afterAll, beforeAll, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../src/domain/error.ts";
import type { SftpStoreConfig } from "../../src/adapters/object-store/sftp/config.ts";
import { openSftpStore } from "../../src/adapters/object-store/sftp/index.ts";
import { needs } from "../support/requirement.ts";
import { startPlainSftp } from "../support/plain-sftp-server.ts";
import { hasSshd, sshdPrograms, startSshd, type SshdServer } from "../support/sshd-server.ts";

const test = needs(...sshdPrograms);
const canary = "canary-Passwort-ü";
const signal = new AbortController().signal;
let server: SshdServer;
beforeAll(async () => {
  if (hasSshd()) server = await startSshd();
}, 30_000);
afterAll(async () => {
  if (hasSshd()) await server[Symbol.asyncDispose]();
});

/** Undefined when the probe succeeded. */
async function probe(settings: SftpStoreConfig, logged: string[] = []): Promise<AppError | undefined> {
  const times = { connectTimeoutMs: 3_000, keepaliveMs: 1_000 };
  await using store = openSftpStore(settings, { log: (_, message) => void logged.push(message) }, times);
  try {
    await store.probe(signal);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(`${(error as Error).message} ${(error as AppError).hint} ${JSON.stringify(error)}`).not.toContain(canary);
    return error as AppError;
  }
}

let serial = 0;
function knownHosts(...lines: string[]): string {
  const path = join(server.directory, `known_hosts_${++serial}`);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

const nameOf = (): string => `[127.0.0.1]:${server.port}`;
function fingerprintOf(type: string): string {
  const shown = spawnSync("ssh-keygen", ["-lf", join(server.directory, `host_${type}.pub`)]).stdout.toString();
  return shown.split(" ")[1]!;
}

async function expectNoLogin(attempt: () => Promise<AppError | undefined>): Promise<AppError> {
  const before = server.log().length;
  const error = await attempt();
  await Bun.sleep(100);
  expect(server.log().slice(before)).not.toMatch(/Accepted|Failed|publickey/);
  expect(error).toMatchObject({ code: "storage_auth_failed", retryable: false });
  return error!;
}

test("a host that is not in known_hosts is refused, with its fingerprint and the way to add it", async () => {
  const settings = { ...server.settings(), password: canary };
  for (const path of [knownHosts(), join(server.directory, "absent")]) {
    const error = await expectNoLogin(() => probe({ ...settings, known_hosts_path: path }));
    expect(["ed25519", "ecdsa", "rsa"].some((type) => error.message.includes(fingerprintOf(type)))).toBe(true);
    expect(error.hint).toContain(`ssh-keyscan -p ${server.port} 127.0.0.1 >> ${path}`);
  }
});

test("the command of the hint makes the host known", async () => {
  const path = knownHosts();
  const error = await probe({ ...server.settings(), known_hosts_path: path });
  const command = /run: (.*)$/.exec(error!.hint!)![1]!;
  expect(spawnSync("sh", ["-c", command]).status).toBe(0);
  expect(await probe({ ...server.settings(), known_hosts_path: path })).toBeUndefined();
});

test("another key than the known one is refused, and both are named", async () => {
  await using other = await startSshd();
  const lines = Object.values(other.hostKeys).map((key) => `${nameOf()} ${key}`);
  const path = knownHosts(...lines);
  const error = await expectNoLogin(() => probe({ ...server.settings(), password: canary, known_hosts_path: path }));
  expect(error.message).toContain("somebody may be in between");
  expect(error.message).toContain(fingerprintOf("ed25519"));
  expect(error.message.split("SHA256:").length).toBe(1 + 1 + lines.length);
  expect(error.hint).toContain(`ssh-keygen -f ${path} -R '${nameOf()}'`);
});

test("one known key of any type is enough, also behind a hash, a wildcard or the bare name", async () => {
  for (const type of ["ed25519", "ecdsa", "rsa"] as const) {
    const path = knownHosts(`${nameOf()} ${server.hostKeys[type]}`);
    expect(await probe({ ...server.settings(), known_hosts_path: path })).toBeUndefined();
    spawnSync("ssh-keygen", ["-q", "-H", "-f", path]);
    expect(readFileSync(path, "utf8")).toStartWith("|1|");
    expect(await probe({ ...server.settings(), known_hosts_path: path })).toBeUndefined();
    for (const name of ["[127.0.0.*]:*", "127.0.0.1"]) {
      const wide = knownHosts(`${name} ${server.hostKeys[type]}`);
      expect(await probe({ ...server.settings(), known_hosts_path: wide })).toBeUndefined();
    }
  }
}, 20_000);

test("a revoked key is refused even where it is known, and an authority is no known key", async () => {
  const known = Object.values(server.hostKeys).map((key) => `${nameOf()} ${key}`);
  const revoked = Object.values(server.hostKeys).map((key) => `@revoked * ${key}`);
  const path = knownHosts(...known, ...revoked);
  const error = await expectNoLogin(() => probe({ ...server.settings(), known_hosts_path: path }));
  expect(error.message).toContain("revoked");
  const authority = knownHosts(`@cert-authority ${nameOf()} ${server.hostKeys.ed25519}`);
  const refused = await expectNoLogin(() => probe({ ...server.settings(), known_hosts_path: authority }));
  expect(refused.message).toContain("certificate authority");
});

test("a key that the server does not know is refused once and for all", async () => {
  const key = join(server.directory, "stranger");
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const error = await probe({ ...server.settings(), private_key_path: key });
  expect(error).toMatchObject({ code: "storage_auth_failed", retryable: false });
  expect(error!.message).toContain(`refused the private key of ${server.user}`);
});

test("a key with a passphrase needs it, and a file that is no key is named", async () => {
  const key = join(server.directory, "locked");
  spawnSync("cp", [server.privateKeyPath, key]);
  spawnSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", canary, "-f", key]);
  const logged: string[] = [];
  expect(await probe({ ...server.settings(), private_key_path: key, passphrase: canary }, logged)).toBeUndefined();
  expect(logged.join()).not.toContain(canary);
  for (const passphrase of [undefined, "wrong"]) {
    const settings = { ...server.settings(), private_key_path: key };
    const error = await probe(passphrase === undefined ? settings : { ...settings, passphrase });
    expect(error).toMatchObject({ code: "storage_auth_failed", retryable: false });
    expect(error!.message).toContain(key);
  }
  for (const path of [`${key}.pub`, join(server.directory, "absent"), server.knownHostsPath]) {
    const error = await probe({ ...server.settings(), private_key_path: path });
    expect(error).toMatchObject({ code: "storage_auth_failed", message: expect.stringContaining(path) as string });
  }
});

test("keys of every usual type and form log in", async () => {
  const forms = [
    ["ed25519"],
    ["ecdsa", "-b", "521"],
    ["rsa", "-b", "3072"],
    ["rsa", "-b", "2048", "-m", "PEM"],
    ["ecdsa", "-m", "PEM"],
  ];
  for (const [index, [type, ...more]] of forms.entries()) {
    const key = join(server.directory, `form-${index}`);
    expect(spawnSync("ssh-keygen", ["-q", "-t", type!, ...more, "-N", "", "-f", key]).status).toBe(0);
    const authorized = join(server.directory, "authorized_keys");
    writeFileSync(authorized, readFileSync(authorized, "utf8") + readFileSync(`${key}.pub`, "utf8"));
    expect(await probe({ ...server.settings(), private_key_path: key })).toBeUndefined();
  }
}, 30_000);

for (const asks of ["password", "dialogue"] as const) {
  test(`a password logs in where the server asks by ${asks}, and a wrong one is refused`, async () => {
    await using plain = await startPlainSftp({ password: canary, asks });
    const settings = {
      host: "127.0.0.1",
      port: plain.port,
      user: "u",
      known_hosts_path: plain.knownHostsPath,
      path: plain.dataPath,
    };
    const logged: string[] = [];
    expect(await probe({ ...settings, password: canary }, logged)).toBeUndefined();
    expect(logged.join()).not.toContain(canary);
    const error = await probe({ ...settings, password: "wrong" });
    expect(error).toMatchObject({ code: "storage_auth_failed", retryable: false });
    expect(error!.message).toContain("refused the password of u");
    expect(plain.offered).toEqual([canary, "wrong"]);
    expect(await probe({ ...settings, password: canary, known_hosts_path: knownHosts() })).toMatchObject({
      code: "storage_auth_failed",
    });
    expect(plain.offered).toEqual([canary, "wrong"]);
  }, 20_000);
}

test("a server that is down, is none, or never answers is unreachable for now", async () => {
  const down = await probe({ ...server.settings(), port: 1 });
  expect(down).toMatchObject({ code: "storage_unreachable", retryable: true });
  expect(down!.message).toContain("ECONNREFUSED");
  const noName = await probe({ ...server.settings(), host: "no-such-host.invalid" });
  expect(noName).toMatchObject({ code: "storage_unreachable", retryable: true });
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const startedAt = performance.now();
  expect(await probe({ ...server.settings(), port: silent.port })).toMatchObject({ code: "storage_unreachable" });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  silent.stop(true);
}, 30_000);
