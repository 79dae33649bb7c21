// The compose files of deploy/, brought up for real: an engine of its own, an image made from the compiled binary and
// programs of this machine, and Debian's servers in the places of the official images.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { buildImages, copyDeployment } from "../support/container-images.ts";
import { engineRefusal, startDockerEngine, type DockerEngine } from "../support/docker-engine.ts";
import { needs } from "../support/requirement.ts";
import { toolPath } from "../support/tools.ts";

const source = join(import.meta.dir, "../..");
const refusal = engineRefusal();
const parts = [toolPath("dockerd"), toolPath("restic"), toolPath("mysqld"), binaryPath];
const testContainer = needs(...parts);
/** Else its tests are left out by name, and there is nothing to start for them. */
const complete = parts.every((path) => existsSync(path)) || process.env["CI"] === "true";

// A system that cannot run an engine is told by this test's name; what setup can bring and did not, is missed as ever.
const where = refusal === undefined ? "" : ` (this alone: ${refusal})`;
test(`the image is made of files that exist and that .dockerignore lets through${where}`, async () => {
  const [dockerfile, ignored] = await Promise.all(
    ["deploy/Dockerfile", ".dockerignore"].map((name) => readFile(join(source, name), "utf8")),
  );
  const sources = /^COPY (?!.*--from)(?:--\S+ )*(.+) \S+$/gm;
  const copied = [...dockerfile!.matchAll(sources)].flatMap((match) => match[1]!.split(" "));
  const passed = [...ignored!.matchAll(/^!(\S+)$/gm)].map((match) => match[1]!);
  expect(copied.length).toBeGreaterThan(5);
  expect(copied.filter((path) => !passed.some((known) => path === known || path.startsWith(`${known}/`)))).toEqual([]);
  expect(copied.filter((path) => !path.startsWith("dist/") && !existsSync(join(source, path)))).toEqual([]);
});

if (refusal === undefined)
  describe("deploy/docker-compose.yml in a real engine", () => {
    let engine: DockerEngine;
    let folder = "";
    const compose = (...args: string[]): Promise<string> =>
      engine.mustDocker(
        "compose",
        "--env-file",
        join(folder, ".env"),
        "-f",
        join(folder, "deploy/docker-compose.yml"),
        ...args,
      );
    const backupctl = (...args: string[]) => engine.docker("exec", "backupctl", "backupctl", ...args);

    beforeAll(async () => {
      if (!complete) return;
      folder = await mkdtemp(join(tmpdir(), "backupctl-compose-"));
      engine = await startDockerEngine();
      await copyDeployment(folder);
      await buildImages(engine, folder, true);

      const settings = {
        APP_PORT: "3100",
        TIMEZONE: "UTC",
        AUDIT_DB_IMAGE: "postgres",
        AUDIT_DB_HOST: "backupctl-audit-db",
        AUDIT_DB_PASSWORD: "audit-canary",
        RESTIC_PASSWORD: "restic-canary",
        ENCRYPTION_KEY: "a".repeat(48),
        HEALTH_DISK_MIN_FREE_GB: "0",
        BACKUPCTL_DATA: join(folder, "data"),
      };
      await writeFile(
        join(folder, ".env"),
        Object.entries(settings)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(""),
      );
      for (const name of ["config", "ssh-keys", "gpg-keys", "data"]) await mkdir(join(folder, name));
      chownSync(join(folder, "data"), 10001, 10001);
      const database = {
        type: "postgres",
        host: "backupctl-audit-db",
        name: "backup_audit",
        user: "audit_user",
        password: "${AUDIT_DB_PASSWORD}",
      };
      const projects = [
        { name: "archive", database, encryption: { enabled: true, type: "aes-256-gcm" }, retention: { keep_last: 3 } },
        {
          name: "vault",
          database,
          restic: { repository: "/data/backups/vault-repository", password: "${RESTIC_PASSWORD}" },
          retention: { keep_last: 3 },
        },
      ];
      await writeFile(join(folder, "config/projects.yml"), JSON.stringify({ version: 1, projects }));
      await engine.mustDocker("network", "create", "backupctl-network");
      await compose("up", "-d", "--wait", "--no-build").catch(async (error: unknown) => {
        const [log, health] = await Promise.all([
          engine.docker("logs", "--tail", "30", "backupctl"),
          engine.docker("inspect", "-f", "{{json .State.Health.Log}}", "backupctl"),
        ]);
        throw new Error(`${String(error)}\n${log.stdout}${log.stderr}${health.stdout}`);
      });
    }, 300_000);

    afterAll(async () => {
      if (!complete) return;
      await engine[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    }, 60_000);

    testContainer("comes up healthy, as a user without rights", async () => {
      const state = await engine.mustDocker(
        "inspect",
        "-f",
        "{{.State.Health.Status}} {{.Config.User}} {{.HostConfig.CapDrop}}",
        "backupctl",
      );
      expect(state.trim()).toBe("healthy 10001:10001 [ALL]");
      expect((await engine.mustDocker("exec", "backupctl", "id", "-u")).trim()).toBe("10001");
    });

    testContainer("keeps its state in the PostgreSQL beside it", async () => {
      const { exitCode, stdout } = await backupctl("db", "status");
      expect(stdout).toContain("postgres");
      expect(exitCode).toBe(0);
    });

    testContainer(
      "backs up, verifies and restores",
      async () => {
        const run = await backupctl("run", "archive");
        expect(run).toMatchObject({ exitCode: 0 });
        expect(await backupctl("verify", "archive", "latest")).toMatchObject({ exitCode: 0 });
        expect(await backupctl("restore", "archive", "latest", "/data/backups/restored")).toMatchObject({
          exitCode: 0,
        });
        expect((await stat(join(folder, "data/restored"))).uid).toBe(10001);
      },
      60_000,
    );

    testContainer(
      "backs up to a restic repository",
      async () => {
        const password = "RESTIC_PASSWORD=restic-canary";
        await engine.mustDocker(
          "exec",
          "-e",
          password,
          "backupctl",
          "restic",
          "-r",
          "/data/backups/vault-repository",
          "init",
        );
        const { exitCode, stdout, stderr } = await backupctl("run", "vault");
        expect({ exitCode, output: stdout + stderr }).toMatchObject({ exitCode: 0 });
        expect(
          await readFile(join(folder, "data/vault-repository/config")).then((content) => content.length),
        ).toBeGreaterThan(0);
      },
      60_000,
    );

    testContainer("holds no secret in the image, and shows none in its log", async () => {
      const image =
        (await engine.mustDocker("history", "--no-trunc", "backupctl")) +
        (await engine.mustDocker("inspect", "backupctl:latest"));
      const { stdout, stderr } = await engine.docker("logs", "backupctl");
      for (const canary of ["audit-canary", "restic-canary", "a".repeat(48)]) {
        expect(image).not.toContain(canary);
        expect(stdout + stderr).not.toContain(canary);
      }
    });

    testContainer("is told unhealthy when the daemon no longer answers", async () => {
      const { exitCode } = await engine.docker("exec", "-e", "LISTEN=:3999", "backupctl", "backupctl-healthcheck");
      expect(exitCode).toBe(1);
      expect((await engine.docker("exec", "backupctl", "backupctl-healthcheck")).exitCode).toBe(0);
    });

    testContainer(
      "stops cleanly, and goes on after a restart with what it knew",
      async () => {
        await compose("stop", "backupctl");
        expect((await engine.mustDocker("inspect", "-f", "{{.State.ExitCode}}", "backupctl")).trim()).toBe("0");
        await compose("up", "-d", "--wait", "--no-build");
        const { exitCode, stdout } = await backupctl("status", "archive", "--json");
        expect(exitCode).toBe(0);
        expect(stdout).toContain("succeeded");
      },
      120_000,
    );

    describe("deploy/docker-compose.companion.yml", () => {
      const companion = (...args: string[]): Promise<string> => {
        const file = join(folder, "deploy/docker-compose.companion.yml");
        return engine.mustDocker("compose", "--env-file", join(folder, "companion.env"), "-f", file, ...args);
      };
      const beside = (...args: string[]) => engine.docker("exec", "companion-db-backup-1", "backupctl", ...args);
      const client = "exec -e PGPASSWORD=pg-canary companion-postgres-1 psql -h 127.0.0.1 -U myapp -qAt -c".split(" ");
      const sql = (statement: string, database = "myapp"): Promise<string> =>
        engine.mustDocker(...client, statement, database);

      beforeAll(async () => {
        if (!complete) return;
        const settings = {
          COMPOSE_PROJECT_NAME: "companion",
          POSTGRES_IMAGE: "postgres",
          MYSQL_IMAGE: "mysql",
          MYAPP_DB_PASSWORD: "pg-canary",
          USERS_DB_PASSWORD: "my-canary",
          ENCRYPTION_KEY: "b".repeat(48),
        };
        const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
        await writeFile(join(folder, "companion.env"), lines.join(""));
        await companion("up", "-d", "--wait");
        for (let i = 0; (await beside("test", "--json")).exitCode !== 0 && i < 60; i++) await Bun.sleep(1000);
        await sql("create table t as select generate_series(1, 1000) i");
      }, 180_000);

      testContainer("comes up healthy, as a user without rights, with its state in the volume", async () => {
        const format = "{{.State.Health.Status}} {{.Config.User}} {{.HostConfig.CapDrop}}";
        const state = await engine.mustDocker("inspect", "-f", format, "companion-db-backup-1");
        expect(state.trim()).toBe("healthy 10001:10001 [ALL]");
        const { stdout } = await engine.docker(
          "exec",
          "companion-db-backup-1",
          "stat",
          "-c",
          "%u:%g %a",
          "/app/data/db/app.db",
        );
        expect(stdout.trim()).toBe("10001:10001 600");
      });

      testContainer(
        "backs up both databases into the volume, verifies, and restores",
        async () => {
          expect(await beside("run", "--all")).toMatchObject({ exitCode: 0 });
          for (const project of ["myapp", "users"]) {
            expect(await beside("verify", project, "latest")).toMatchObject({ exitCode: 0 });
            const { stdout } = await engine.docker(
              "exec",
              "companion-db-backup-1",
              "find",
              `/app/data/backups/${project}`,
              "-name",
              "*.manifest.json",
            );
            expect(stdout.trim().split("\n")).toHaveLength(1);
          }
          expect(await beside("verify", "myapp", "latest", "--level", "restore")).toMatchObject({ exitCode: 0 });
          expect(await beside("restore", "myapp", "latest", "--into-database", "myapp_check")).toMatchObject({
            exitCode: 0,
          });
          expect((await sql("select count(*) from t", "myapp_check")).trim()).toBe("1000");
        },
        90_000,
      );

      testContainer(
        "keeps every backup when the stack is taken down and made anew",
        async () => {
          const before = await beside("snapshots", "myapp", "--json");
          await companion("stop", "db-backup");
          const code = await engine.mustDocker("inspect", "-f", "{{.State.ExitCode}}", "companion-db-backup-1");
          expect(code.trim()).toBe("0");
          await companion("down");
          await companion("up", "-d", "--wait");
          const after = await beside("snapshots", "myapp", "--json");
          expect(JSON.parse(after.stdout).backups).toHaveLength(1);
          expect(after.stdout).toBe(before.stdout);
          expect(await beside("verify", "myapp", "latest")).toMatchObject({ exitCode: 0 });
        },
        120_000,
      );
    });

    describe("scripts/backupctl-manage.sh", () => {
      /** A checkout in a place whose name a careless script trips over. */
      let host = "";
      const manage = async (...args: string[]) => {
        const child = Bun.spawn([join(host, "scripts/backupctl-manage.sh"), ...args], {
          env: { ...engine.env, LANG: "C.UTF-8" },
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        });
        const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
        return { exitCode: child.exitCode, output: stdout + stderr };
      };
      const runningImage = async (): Promise<string> =>
        (await engine.mustDocker("inspect", "-f", "{{.Image}} {{.State.Health.Status}}", "backupctl")).trim();

      beforeAll(async () => {
        if (!complete) return;
        await compose("down", "--volumes");
        host = join(folder, `it's a "host"`);
        await mkdir(host);
        await copyDeployment(host);
        const args = "{ BINARY: prebuilt, PROGRAMS: local-programs }";
        await writeFile(
          join(host, "deploy/docker-compose.override.yml"),
          `services: { backupctl: { build: { network: none, args: ${args} } } }\n`,
        );
        const settings = `BACKUPCTL_DATA='${join(folder, "its data")}'\nAUDIT_DB_IMAGE=postgres\nHEALTH_DISK_MIN_FREE_GB=0\n`;
        const general = await readFile(join(source, "deploy/.env.example"), "utf8");
        await writeFile(join(host, ".env"), general + settings);
        await mkdir(join(host, "config"));
        await cp(join(folder, "config/projects.yml"), join(host, "config/projects.yml"));
      }, 60_000);

      testContainer(
        "sets up, also a second time, and every command answers",
        async () => {
          expect(await manage("setup")).toMatchObject({ exitCode: 0, output: expect.stringContaining("vault: made") });
          expect(await manage("setup")).toMatchObject({
            exitCode: 0,
            output: expect.stringContaining("vault: exists"),
          });
          expect(await manage("check")).toMatchObject({ exitCode: 0, output: expect.stringContaining("all passed") });
          expect(await backupctl("run", "--all")).toMatchObject({ exitCode: 0 });
          expect(await manage("status")).toMatchObject({ exitCode: 0, output: expect.stringContaining("succeeded") });
          expect(await manage("backup-dir")).toMatchObject({
            exitCode: 0,
            output: expect.stringContaining("its data/archive"),
          });
          expect(await manage("logs", "--tail", "50")).toMatchObject({
            exitCode: 0,
            output: expect.stringContaining("schedules"),
          });
          expect((await manage("shell")).exitCode).toBe(0);
        },
        180_000,
      );

      testContainer(
        "deploys a configuration that names a variable which is new in .env",
        async () => {
          const config = await readFile(join(host, "config/projects.yml"), "utf8");
          await writeFile(join(host, "config/projects.yml"), config.replaceAll("AUDIT_DB_PASSWORD", "SAME_PASSWORD"));
          expect(await manage("deploy")).toMatchObject({
            exitCode: 1,
            output: expect.stringContaining("nothing was changed"),
          });
          const settings = await readFile(join(host, ".env"), "utf8");
          const password = /^AUDIT_DB_PASSWORD=(.*)$/m.exec(settings)![1]!;
          await writeFile(join(host, ".env"), `${settings}SAME_PASSWORD=${password}\n`);
          expect(await manage("check")).toMatchObject({ exitCode: 0 });
          const deployed = await manage("deploy");
          expect(deployed).toMatchObject({ exitCode: 0, output: expect.stringContaining("deployed successfully") });
          expect(await backupctl("run", "archive")).toMatchObject({ exitCode: 0 });
        },
        120_000,
      );

      testContainer(
        "goes back to what ran when the new version does not start",
        async () => {
          const before = await runningImage();
          await writeFile(
            join(host, "dist/backupctl"),
            '#!/bin/bash\n[ "$1" = config ] || { echo boom >&2; exit 1; }\n',
          );
          const outcome = await manage("deploy");
          expect(outcome.output).toContain("boom");
          expect(outcome).toMatchObject({
            exitCode: 1,
            output: expect.stringContaining("the new version did not start, the one before it runs"),
          });
          expect(await runningImage()).toBe(before);
          expect(await manage("status")).toMatchObject({ exitCode: 0, output: expect.stringContaining("succeeded") });
        },
        180_000,
      );
    });
  });
