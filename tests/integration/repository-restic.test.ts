// restic on every back end that can be had here, by the contract; and what it must survive.

import { describe, expect, test } from "bun:test";
import type { AppError } from "../../src/domain/error.ts";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/repository/restic/index.ts";
import type { ResticConfig } from "../../src/adapters/repository/restic/config.ts";
import { describeRepositoryContract, type RepositorySubject } from "../../src/ports/repository.contract.ts";
import type { Repository } from "../../src/ports/repository.ts";
import { startMinio } from "../support/minio-server.ts";
import { needs } from "../support/requirement.ts";
import { startRestServer } from "../support/rest-server.ts";
import { hasSshd, startSshd } from "../support/sshd-server.ts";
import { findTool, toolPath } from "../support/tools.ts";

const password = "canary-repository-5d1e";
const program = findTool("restic") ?? "restic";
const never = new AbortController().signal;
const testWithRestic = needs(toolPath("restic"));

interface Place extends AsyncDisposable {
  readonly config: Omit<ResticConfig, "password">;
}

async function openSubject(place: Place, removes = true): Promise<RepositorySubject> {
  const tmpDir = await mkdtemp(join(tmpdir(), "backupctl-restic-test-"));
  const at = (host: string, secret = password): Repository =>
    open({ ...place.config, password: secret }, { tmpDir, host, program, log() {} });
  return {
    repository: at("one.example"),
    otherHost: at("two.example"),
    wrongPassword: at("one.example", "not the password"),
    removes,
    async [Symbol.asyncDispose]() {
      expect(readdirSync(tmpDir)).toEqual([]);
      await rm(tmpDir, { recursive: true, force: true });
      await place[Symbol.asyncDispose]();
    },
  };
}

async function localPlace(): Promise<Place & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "backupctl-restic-repo-"));
  return {
    directory,
    config: { repository: join(directory, "repo"), env: {} },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

if (findTool("restic") !== undefined) {
  describeRepositoryContract("restic, local", async () => openSubject(await localPlace()));

  if (findTool("rest-server") !== undefined) {
    describeRepositoryContract("restic, REST", async () => {
      const server = await startRestServer();
      return openSubject({
        config: { repository: server.repository, env: {} },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    });
    describeRepositoryContract("restic, append-only REST", async () => {
      const server = await startRestServer({ appendOnly: true });
      return openSubject(
        {
          config: { repository: server.repository, env: {} },
          [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
        },
        false,
      );
    });
  }

  if (hasSshd()) {
    describeRepositoryContract("restic, SFTP", async () => {
      const server = await startSshd();
      const { port, private_key_path, known_hosts_path } = server.settings();
      return openSubject({
        config: {
          repository: `sftp:${server.user}@127.0.0.1:${server.dataPath}/repo`,
          env: {},
          ssh: { port, private_key_path, known_hosts_path },
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    });
  }

  if (findTool("minio") !== undefined) {
    describeRepositoryContract("restic, S3", async () => {
      const server = await startMinio();
      return openSubject({
        config: {
          repository: `s3:${server.endpoint}/${server.bucket}/repo`,
          env: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey },
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    });
  }
}

describe("restic", () => {
  testWithRestic("is needed, and its absence is named", async () => {
    await using place = await localPlace();
    const missing = open(
      { ...place.config, password },
      { tmpDir: place.directory, host: "h", program: "/nonexistent/restic", log() {} },
    );
    await expect(missing.probe(never)).rejects.toMatchObject({ code: "tool_missing" });
  });

  testWithRestic(
    "a server that is down is unreachable, soon enough",
    async () => {
      await using place = await localPlace();
      const down = open(
        { repository: "rest:http://127.0.0.1:9/", env: {}, password },
        { tmpDir: place.directory, host: "h", program, log() {} },
      );
      const startedAt = Date.now();
      await expect(down.probe(AbortSignal.timeout(45_000))).rejects.toMatchObject({ code: "storage_unreachable" });
      expect(Date.now() - startedAt).toBeLessThan(40_000);
    },
    60_000,
  );

  testWithRestic(
    "a host key that is not known is refused without a question",
    async () => {
      if (!hasSshd()) return;
      await using server = await startSshd();
      await using place = await localPlace();
      const { port, private_key_path } = server.settings();
      const empty = join(place.directory, "known hosts");
      writeFileSync(empty, "");
      const unknown = open(
        {
          repository: `sftp:${server.user}@127.0.0.1:${server.dataPath}/repo`,
          env: {},
          ssh: { port, private_key_path, known_hosts_path: empty },
          password,
        },
        { tmpDir: place.directory, host: "h", program, log() {} },
      );
      await expect(unknown.init(AbortSignal.timeout(45_000))).rejects.toMatchObject({ code: "storage_auth_failed" });
      expect(readdirSync(server.dataPath)).toEqual([]);
    },
    60_000,
  );

  testWithRestic(
    "the lock of a killed process is taken away, and the work is done",
    async () => {
      await using place = await localPlace();
      const repository = open(
        { ...place.config, password },
        { tmpDir: place.directory, host: "one.example", program, log() {} },
      );
      await repository.init(never);
      const data = join(place.directory, "data");
      mkdirSync(data);
      for (let index = 0; index < 40; index++)
        writeFileSync(join(data, `f${index}`), Buffer.alloc(2_000_000, createHash("md5").update(`${index}`).digest()));
      const made = await repository.backup({ paths: [data], exclude: [], tags: ["a"], signal: never });
      for (const command of [
        ["backup", "--no-cache", data],
        ["forget", "--keep-last", "1"],
        ["prune"],
        ["check", "--read-data"],
      ]) {
        const child = spawn(program, [...command, "--limit-upload", "1", "--limit-download", "200"], {
          env: {
            PATH: process.env["PATH"] ?? "",
            HOME: place.directory,
            RESTIC_REPOSITORY: place.config.repository,
            RESTIC_PASSWORD: password,
          },
          stdio: "ignore",
        });
        const exited = new Promise((resolve) => child.once("exit", resolve));
        const locks = join(place.config.repository, "locks");
        const deadline = Date.now() + 15_000;
        while (readdirSync(locks).length === 0 && child.exitCode === null && Date.now() < deadline) await Bun.sleep(5);
        child.kill("SIGKILL");
        await exited;
        expect(
          await repository.removeSnapshots(["0".repeat(64)], never).catch((error: unknown) => (error as AppError).code),
        ).not.toBe("lock_held");
        expect((await repository.listSnapshots({ tags: ["a"] }, never)).map(({ id }) => id)).toEqual([
          made.snapshotId!,
        ]);
        await repository.prune(never);
        // What restic had not finished to write is no lock.
        expect(readdirSync(locks).filter((name) => !name.includes("-tmp-"))).toEqual([]);
      }
    },
    120_000,
  );

  testWithRestic(
    "a cancelled backup leaves no lock and no snapshot",
    async () => {
      await using place = await localPlace();
      const slow = open(
        { ...place.config, password },
        { tmpDir: place.directory, host: "one.example", program, limits: { uploadKbps: 500 }, log() {} },
      );
      await slow.init(never);
      const data = join(place.directory, "data");
      mkdirSync(data);
      writeFileSync(join(data, "big"), crypto.getRandomValues(new Uint8Array(65_536)));
      for (let index = 0; index < 200; index++)
        writeFileSync(join(data, `r${index}`), crypto.getRandomValues(new Uint8Array(65_536)));
      const controller = new AbortController();
      const reason = new Error("enough");
      const backing = slow.backup({ paths: [data], exclude: [], tags: ["a"], signal: controller.signal });
      const locks = join(place.config.repository, "locks");
      while (readdirSync(locks).length === 0) await Bun.sleep(10);
      await Bun.sleep(300);
      controller.abort(reason);
      await expect(backing).rejects.toBe(reason);
      expect(readdirSync(locks)).toEqual([]);
      expect(await slow.listSnapshots({ tags: [] }, never)).toEqual([]);
    },
    60_000,
  );

  testWithRestic(
    "nothing that restic is started with tells the password",
    async () => {
      await using place = await localPlace();
      const spy = join(place.directory, "spy");
      const seen = join(place.directory, "seen");
      writeFileSync(
        spy,
        `#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline >> ${seen}\ntr '\\0' '\\n' < /proc/$$/environ >> ${seen}\nexec ${program} "$@"\n`,
        { mode: 0o755 },
      );
      const logged: string[] = [];
      const repository = open(
        { ...place.config, password, env: {} },
        { tmpDir: place.directory, host: "h", program: spy, log: (_level, message) => void logged.push(message) },
      );
      await repository.init(never);
      await repository.listSnapshots({ tags: [] }, never);
      const text = await Bun.file(seen).text();
      expect(text).toContain("snapshots");
      expect(text).not.toContain(password);
      expect(logged.join("\n")).not.toContain(password);
    },
    60_000,
  );
});

test("every way of quoting reaches ssh as it was written", async () => {
  const { sshOptions } = await import("../../src/adapters/repository/restic/ssh-options.ts");
  expect(sshOptions({ repository: "/local", env: {} })).toEqual([]);
  const [, plain] = sshOptions({ repository: "sftp:u@h:/r", env: {}, ssh: { port: 23, private_key_path: "/k" } });
  expect(plain).toStartWith("sftp.args=-p 23 -i /k ");
  const [, quoted] = sshOptions({ repository: "sftp:u@h:/r", env: {}, ssh: { private_key_path: "/a key,1" } });
  expect(quoted).toStartWith(`"sftp.args=-i '/a key,1' `);
});
