// The projects of document 1, and its example lines.

import { expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { binaryPath, type Outcome } from "./binary.ts";
import { createTestDatabase, type TestServer } from "./postgres-server.ts";
import { findTool, toolPath } from "./tools.ts";
import { openTestWorld, type World } from "./world.ts";

export const projects = ["locaboo", "project-x"] as const;
export const secret = "restic-secret-of-locaboo-5d1c";
const databasePassword = "database-secret-of-locaboo";

/** Repositories, uploads and everything else of /data and /mnt lie below the world's directory. */
export async function openLocabooWorld(server: TestServer): Promise<World> {
  await createTestDatabase(
    server,
    "locaboo_db",
    "CREATE TABLE notes(id int PRIMARY KEY, title text)",
    "INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 500) AS n",
    `CREATE ROLE backup_user LOGIN PASSWORD '${databasePassword}'`,
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup_user",
  );
  const world = await openTestWorld({
    env: { LOCABOO_DB_PASSWORD: databasePassword, LOCABOO_RESTIC_PASSWORD: secret, TIMEZONE: "Europe/Berlin" },
  });
  for (const name of ["uploads", "assets"]) {
    await mkdir(join(world.dir, "data/locaboo", name), { recursive: true });
    await Bun.write(join(world.dir, "data/locaboo", name, "a.txt"), `${name}\n`);
  }
  await configureLocaboo(world, server, { keepLast: 2 });
  return world;
}

export async function configureLocaboo(
  world: World,
  server: TestServer,
  { keepLast }: { readonly keepLast: number },
): Promise<void> {
  const database = {
    type: "postgres",
    host: "127.0.0.1",
    port: server.port,
    name: "locaboo_db",
    user: "backup_user",
    password: "${LOCABOO_DB_PASSWORD}",
  };
  const entries = projects.map((name) => ({
    name,
    enabled: true,
    cron: "0 0 29 2 *",
    timeout_minutes: 30,
    database,
    assets: { paths: [join(world.dir, "data/locaboo/uploads"), join(world.dir, "data/locaboo/assets")] },
    restic: {
      repository_path: join(world.dir, "box", name),
      password: "${LOCABOO_RESTIC_PASSWORD}",
      snapshot_mode: name === "locaboo" ? "combined" : "separate",
    },
    retention: { local_days: 7, keep_last: keepLast, keep_daily: 0, keep_weekly: 0, keep_monthly: 0 },
    verification: { enabled: true },
  }));
  await world.configure({ file: { storage: undefined, projects: entries } });
}

/** With the program, restic and what it mounts with on the PATH. */
export function shellEnvironment(world: World): Record<string, string> {
  const restic = findTool("restic") ?? toolPath("restic");
  const folders = [binaryPath, restic, toolPath("fusermount")].map((path) => dirname(path));
  return {
    HOME: world.dir,
    ...world.env,
    PATH: [...folders, process.env["PATH"] ?? "/usr/bin:/bin"].join(delimiter),
  };
}

/** A shell takes the line, with its quotes and its comment. */
export async function typeInto(world: World, line: string): Promise<Outcome> {
  const child = Bun.spawn(["/bin/sh", "-c", line], {
    cwd: world.dir,
    env: shellEnvironment(world),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(stdout + stderr).not.toContain(secret);
  expect(stdout + stderr).not.toContain(databasePassword);
  return { exitCode: child.exitCode, signal: child.signalCode as NodeJS.Signals | null, stdout, stderr };
}

/** Of sections 8.2 and 8.3, in their order and with their comments. */
export const documentLines: readonly string[] = [
  "backupctl restic locaboo snapshots",
  "backupctl restic locaboo check",
  "backupctl restic locaboo stats",
  "backupctl restic locaboo diff abc123 def456",
  "backupctl restic locaboo mount /mnt/restore",
  "backupctl restic locaboo ls latest",
  'backupctl restic locaboo find "*.sql.gz"',
  "backupctl restic locaboo unlock",
  "backupctl restic locaboo key list",
  "backupctl restic locaboo dump latest /data/backups/locaboo/backup_2026-03-18.sql.gz",
  "backupctl restic locaboo init",
  "backupctl run locaboo # Run backup now",
  "backupctl run --all # Backup all projects (sequential)",
  "backupctl health # Full health check",
  "backupctl status # All projects summary",
  "backupctl status locaboo # Detailed locaboo history",
  "backupctl status locaboo --last 5 # Last 5 entries",
  "backupctl restore locaboo a1b2c3d4 /data/restore/locaboo",
  "backupctl restore locaboo latest /data/restore/locaboo",
  "backupctl restore locaboo latest /data/restore/locaboo --only db # DB dump only",
  "backupctl restore locaboo latest /data/restore/locaboo --only assets # Assets only",
  "backupctl snapshots locaboo # All snapshots (with tags)",
  "backupctl snapshots locaboo --last 10 # Last 10",
  "backupctl prune locaboo # Prune locaboo",
  "backupctl prune --all # Prune all",
  "backupctl logs locaboo # All logs",
  "backupctl logs locaboo --last 20 # Last 20",
  "backupctl logs locaboo --failed # Failed only",
  "backupctl config validate # Validate everything",
  "backupctl config show locaboo # Show resolved config",
  "backupctl config reload # Reload YAML + re-register crons",
  "backupctl config import-gpg-key ./keys/locaboo.pub.gpg # Import GPG key",
  "backupctl run locaboo --dry-run # Validate without executing",
  "backupctl restore locaboo latest /data/restore/locaboo --decompress # Extract + decompress",
  "backupctl restore locaboo latest /data/restore/locaboo --guide # Print import instructions",
  "backupctl restore locaboo latest /data/restore/locaboo --decompress --guide # Both",
  "backupctl cache locaboo # Show cache size",
  "backupctl cache locaboo --clear # Clear project cache",
  "backupctl cache --clear-all # Clear all caches",
  "backupctl restic locaboo snapshots # Raw restic snapshots",
  "backupctl restic locaboo check # Repo integrity",
  "backupctl restic locaboo stats # Repo stats",
  "backupctl restic locaboo diff abc123 def456 # Diff snapshots",
  "backupctl restic locaboo ls latest # List files in latest",
  'backupctl restic locaboo find "*.sql.gz" # Find files',
  "backupctl restic locaboo unlock # Unlock stuck repo",
  "backupctl restic locaboo init # Init new repo",
];
