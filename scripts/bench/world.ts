// What every measurement needs: a temporary directory, the compiled program, a configuration file and a key.

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runOnce, type Command } from "./measure.ts";

export interface World extends AsyncDisposable {
  readonly dir: string;
  readonly binary: string;
  /** Written as JSON, which is YAML; `env` is what the program runs with. */
  configure(name: string, content: unknown): Promise<Readonly<Record<string, string>>>;
  /** `openssl enc` with a random key, as the plain pipeline uses it. */
  readonly openssl: string;
  readonly opensslDecrypt: string;
}

export async function openWorld(): Promise<World> {
  const base = process.env["BENCH_DIR"] ?? tmpdir();
  const dir = await mkdtemp(join(base, "backupctl-bench-"));
  await chmod(dir, 0o755);
  const keyFile = join(dir, "openssl-pass");
  await writeFile(keyFile, crypto.randomUUID(), { mode: 0o600 });
  const cipher = `openssl enc -aes-256-ctr -pbkdf2 -pass file:${keyFile}`;
  return {
    dir,
    binary: process.env["BENCH_BINARY"] ?? resolve(import.meta.dir, "../../dist/backupctl"),
    openssl: cipher,
    opensslDecrypt: `${cipher} -d`,
    async configure(name, content) {
      const path = join(dir, `${name}.yml`);
      await writeFile(path, JSON.stringify(content));
      await mkdir(join(dir, name), { recursive: true });
      return {
        BACKUPCTL_CONFIG: path,
        BACKUP_BASE_DIR: join(dir, name),
        HEALTH_DISK_MIN_FREE_GB: "0",
        BENCH_PASSWORD: "a password of the benchmark, not a secret",
      };
    },
    async [Symbol.asyncDispose]() {
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function shell(name: string, script: string, more: Partial<Command> = {}): Command {
  return { name, argv: ["bash", "-o", "pipefail", "-c", script], ...more };
}

export async function run(
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await runOnce({ name, argv, env });
}

export const encryption = { enabled: true, type: "aes-256-gcm", password: "${BENCH_PASSWORD}" };
export const noVerification = { enabled: false };
