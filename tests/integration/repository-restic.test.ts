// restic on every back end that can be had here, by the contract; and what it must survive.

import { describe, expect, test } from "bun:test";
import type { AppError } from "../../src/domain/error.ts";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ResticConfig } from "../../src/adapters/repository/restic/config.ts";
import { describeRepositoryContract, type RepositorySubject } from "../../src/ports/repository.contract.ts";
import { startMinio } from "../support/minio-server.ts";
import { makeQuickRepository, writeQuickRepository } from "../support/quick-repository.ts";
import { needs } from "../support/requirement.ts";
import { openPlace, placePassword, resticProgram } from "../support/restic-place.ts";
import { startRestServer } from "../support/rest-server.ts";
import { hasSshd, startSshd } from "../support/sshd-server.ts";
import { findTool, toolPath } from "../support/tools.ts";

const never = new AbortController().signal;
const testWithRestic = needs(toolPath("restic"));

interface Server extends AsyncDisposable {
  readonly config: Pick<ResticConfig, "repository"> & Partial<ResticConfig>;
  hasten(): Promise<void>;
  /** False for an append-only server. */
  readonly removes?: boolean;
}

async function openSubject({ config, hasten, removes = true, ...server }: Server): Promise<RepositorySubject> {
  const place = await openPlace({ repository: config.repository });
  const tmpDir = join(place.directory, "tmp");
  mkdirSync(tmpDir);
  return {
    repository: place.open(config, { tmpDir }),
    otherHost: place.open(config, { tmpDir, host: "two.example" }),
    wrongPassword: place.open({ ...config, password: "not the password" }, { tmpDir }),
    removes,
    hasten,
    async [Symbol.asyncDispose]() {
      expect(readdirSync(tmpDir)).toEqual([]);
      await place[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The files of a repository that restic has just made, replaced. */
async function replaceRepository(directory: string): Promise<void> {
  await rm(directory, { recursive: true });
  await writeQuickRepository(directory, placePassword);
}

if (findTool("restic") !== undefined) {
  describeRepositoryContract("restic, local", async () => {
    const place = await openPlace({ isMade: false });
    const { repositoryPath } = place;
    return openSubject({
      config: { repository: repositoryPath },
      hasten: () => replaceRepository(repositoryPath),
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    });
  });

  if (findTool("rest-server") !== undefined) {
    for (const appendOnly of [false, true]) {
      describeRepositoryContract(`restic, ${appendOnly ? "append-only " : ""}REST`, async () => {
        const server = await startRestServer({ appendOnly });
        return openSubject({
          config: { repository: server.repository },
          hasten: () => replaceRepository(server.directory),
          removes: !appendOnly,
          [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
        });
      });
    }
  }

  if (hasSshd()) {
    describeRepositoryContract("restic, SFTP", async () => {
      const server = await startSshd();
      const { port, private_key_path, known_hosts_path } = server.settings();
      return openSubject({
        config: {
          repository: `sftp:${server.user}@127.0.0.1:${server.dataPath}/repo`,
          ssh: { port, private_key_path, known_hosts_path },
        },
        hasten: () => replaceRepository(join(server.dataPath, "repo")),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    });
  }

  if (findTool("minio") !== undefined) {
    describeRepositoryContract("restic, S3", async () => {
      const server = await startMinio();
      const { endpoint, bucket, accessKey, secretKey } = server;
      const client = new Bun.S3Client({ endpoint, bucket, accessKeyId: accessKey, secretAccessKey: secretKey });
      return openSubject({
        config: {
          repository: `s3:${endpoint}/${bucket}/repo`,
          env: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey },
        },
        async hasten() {
          const { contents = [] } = await client.list({ prefix: "repo/" });
          for (const { key } of contents) await client.delete(key);
          for (const [path, content] of makeQuickRepository(placePassword)) await client.write(`repo/${path}`, content);
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
    });
  }
}

describe.concurrent("restic", () => {
  testWithRestic("is needed, and its absence is named", async () => {
    await using place = await openPlace();
    const missing = place.open({}, { program: "/nonexistent/restic" });
    await expect(missing.probe(never)).rejects.toMatchObject({ code: "tool_missing" });
  });

  testWithRestic(
    "a server that is down is unreachable, soon enough",
    async () => {
      await using place = await openPlace();
      const down = place.open({ repository: "rest:http://127.0.0.1:9/" });
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
      await using place = await openPlace();
      const { port, private_key_path } = server.settings();
      const empty = join(place.directory, "known hosts");
      writeFileSync(empty, "");
      const unknown = place.open({
        repository: `sftp:${server.user}@127.0.0.1:${server.dataPath}/repo`,
        ssh: { port, private_key_path, known_hosts_path: empty },
      });
      await expect(unknown.init(AbortSignal.timeout(45_000))).rejects.toMatchObject({ code: "storage_auth_failed" });
      expect(readdirSync(server.dataPath)).toEqual([]);
    },
    60_000,
  );

  testWithRestic(
    "the lock of a killed process is taken away, and the work is done",
    async () => {
      await using place = await openPlace();
      const repository = place.open();
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
        const child = spawn(resticProgram, [...command, "--limit-upload", "1", "--limit-download", "200"], {
          env: {
            PATH: process.env["PATH"] ?? "",
            HOME: place.directory,
            RESTIC_REPOSITORY: place.repositoryPath,
            RESTIC_PASSWORD: placePassword,
          },
          stdio: "ignore",
        });
        const exited = new Promise((resolve) => child.once("exit", resolve));
        const locks = join(place.repositoryPath, "locks");
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
      await using place = await openPlace();
      const slow = place.open({}, { limits: { uploadKbps: 500 } });
      const data = join(place.directory, "data");
      mkdirSync(data);
      writeFileSync(join(data, "big"), crypto.getRandomValues(new Uint8Array(65_536)));
      for (let index = 0; index < 200; index++)
        writeFileSync(join(data, `r${index}`), crypto.getRandomValues(new Uint8Array(65_536)));
      const controller = new AbortController();
      const reason = new Error("enough");
      const backing = slow.backup({ paths: [data], exclude: [], tags: ["a"], signal: controller.signal });
      const locks = join(place.repositoryPath, "locks");
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
      await using place = await openPlace();
      const spy = join(place.directory, "spy");
      const seen = join(place.directory, "seen");
      writeFileSync(
        spy,
        `#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline >> ${seen}\ntr '\\0' '\\n' < /proc/$$/environ >> ${seen}\nexec ${resticProgram} "$@"\n`,
        { mode: 0o755 },
      );
      const logged: string[] = [];
      const repository = place.open({}, { program: spy, log: (_level, message) => void logged.push(message) });
      await repository.listSnapshots({ tags: [] }, never);
      const text = await Bun.file(seen).text();
      expect(text).toContain("snapshots");
      expect(text).not.toContain(placePassword);
      expect(logged.join("\n")).not.toContain(placePassword);
    },
    60_000,
  );
});

test("every way of quoting reaches ssh as it was written", async () => {
  const { sshOptions } = await import("../../src/adapters/repository/restic/ssh-options.ts");
  expect(sshOptions({ repository: "/local" })).toEqual([]);
  const [, plain] = sshOptions({ repository: "sftp:u@h:/r", ssh: { port: 23, private_key_path: "/k" } });
  expect(plain).toStartWith("sftp.args=-p 23 -i /k ");
  const [, quoted] = sshOptions({ repository: "sftp:u@h:/r", ssh: { private_key_path: "/a key,1" } });
  expect(quoted).toStartWith(`"sftp.args=-i '/a key,1' `);
});
