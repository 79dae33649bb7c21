// The compose file of deploy/, brought up for real: an engine of its own, an image made from the compiled binary and
// programs of this machine, and Debian's PostgreSQL in the place of the official image.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { engineRefusal, importInstalled, startDockerEngine, type DockerEngine } from "../support/docker-engine.ts";
import { needs } from "../support/requirement.ts";
import { findTool, toolPath } from "../support/tools.ts";

const source = join(import.meta.dir, "../..");
const refusal = engineRefusal();
const parts = [toolPath("dockerd"), toolPath("restic"), binaryPath];
const testContainer = needs(...parts);
/** Else its tests are left out by name, and there is nothing to start for them. */
const complete = parts.every((path) => existsSync(path)) || process.env["CI"] === "true";

const postgresEntrypoint = `#!/bin/bash
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
  "$bin/initdb" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --no-sync -E UTF8 --locale=C >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "create database \\"$POSTGRES_DB\\"" | "$bin/postgres" --single -j postgres >/dev/null
fi
exec "$bin/postgres" -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off
`;

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
      const packages = [
        "bash",
        "dash",
        "coreutils",
        "findutils",
        "grep",
        "sed",
        "passwd",
        "login",
        "libc-bin",
        "postgresql-15",
        "openssh-client",
        "tzdata",
      ];
      const tools = [
        findTool("restic")!.replace(/\/usr\/bin\/restic$/, ""),
        join(findTool("docker")!, "../tini-static"),
      ];
      await importInstalled(engine, "parts", packages, tools);

      await mkdir(join(folder, "dist"));
      for (const name of ["deploy", "scripts", ".dockerignore"])
        await cp(join(source, name), join(folder, name), { recursive: true });
      await cp(binaryPath, join(folder, "dist/backupctl"));
      await mkdir(join(folder, "stand-ins"));
      await writeFile(join(folder, "stand-ins/entrypoint"), postgresEntrypoint, { mode: 0o755 });
      const programs = `FROM parts\nRUN mkdir -p -m 1777 /tmp /run && mkdir -p /usr/local/bin && ln -s ${tools[1]} /usr/local/bin/tini && ln -s ${findTool("restic")} /usr/local/bin/restic\n`;
      await writeFile(join(folder, "stand-ins/local-programs"), programs);
      const server =
        "FROM local-programs\nRUN useradd --uid 999 server && install -d -o 999 -m 0700 /var/lib/postgresql/data\nENV PGDATA=/var/lib/postgresql/data\n" +
        'ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin\nCOPY entrypoint /entrypoint\nUSER server\nENTRYPOINT ["/entrypoint"]\n';
      await writeFile(join(folder, "stand-ins/postgres"), server);
      for (const name of ["local-programs", "postgres"])
        await engine.mustDocker(
          "build",
          "-q",
          "--network",
          "none",
          "-t",
          name,
          "-f",
          join(folder, "stand-ins", name),
          join(folder, "stand-ins"),
        );

      const build = ["--build-arg", "BINARY=prebuilt", "--build-arg", "PROGRAMS=local-programs"];
      await engine.mustDocker(
        "build",
        "-q",
        "--network",
        "none",
        "-t",
        "backupctl",
        "-f",
        join(folder, "deploy/Dockerfile"),
        ...build,
        folder,
      );

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
  });
