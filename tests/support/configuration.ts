// Small technologies and a temporary place for tests of the configuration.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { loadConfiguration, type LoadResult } from "../../src/adapters/config/load-configuration.ts";
import type { Registries } from "../../src/adapters/config/registries.ts";
import { resticDefinition } from "../../src/adapters/repository/restic/definition.ts";
import { AppError } from "../../src/domain/error.ts";
import type { ConfigProblem } from "../../src/domain/project/project.ts";

const secret = () => z.string().meta({ secret: true });
const never = () => Promise.reject(new Error("a test of the configuration opens nothing"));

const Server = z.strictObject({
  host: z.string().default("localhost").describe("Host"),
  port: z.int().min(1).max(65535).default(5432).describe("Port"),
  name: z.string().min(1).describe("Database"),
  user: z.string().optional().describe("User"),
  password: secret().optional().describe("Password"),
  tls: z
    .strictObject({ mode: z.enum(["disable", "prefer", "require"]).default("prefer"), ca_path: z.string().optional() })
    .optional(),
  options: z
    .strictObject({
      schema_only: z.boolean().optional(),
      parallel: z.int().optional(),
      globals: z.boolean().optional(),
      include_tables: z.array(z.string()).optional(),
    })
    .optional(),
});

const atDatabase = (config: unknown): unknown => config;

export const testRegistries: Registries = {
  sources: [
    { type: "postgres", config: Server, atDatabase, load: never },
    { type: "mysql", config: Server, atDatabase, load: never },
    { type: "sqlite", config: z.strictObject({ path: z.string() }), atDatabase, load: never },
    {
      type: "files",
      config: z.strictObject({ paths: z.array(z.string().min(1)).min(1), exclude: z.array(z.string()).default([]) }),
      atDatabase,
      load: never,
    },
  ],
  repositories: [{ ...resticDefinition, load: never }],
  objectStores: [
    { type: "local", config: z.strictObject({ path: z.string().min(1).describe("Directory") }), load: never },
    {
      type: "s3",
      config: z.strictObject({
        bucket: z.string().min(1),
        region: z.string().min(1),
        endpoint: z.string().optional(),
        prefix: z.string().optional(),
        access_key: secret().optional(),
        secret_key: secret().optional(),
        force_path_style: z.boolean().default(false),
        storage_class: z.string().optional(),
        sse: z.enum(["AES256", "aws:kms"]).optional(),
        sse_kms_key_id: z.string().optional(),
        tags: z.record(z.string(), z.string()).default({}),
      }),
      load: never,
    },
    {
      type: "sftp",
      config: z.strictObject({
        host: z.string(),
        port: z.int().default(22),
        user: z.string(),
        password: secret().optional(),
        private_key_path: z.string().optional(),
        known_hosts_path: z.string().optional(),
        path: z.string(),
      }),
      load: never,
    },
  ],
  ciphers: [
    { type: "aes-256-gcm", config: z.strictObject({ password: secret().min(1).optional() }), load: never },
    { type: "age", config: z.strictObject({ recipients: z.array(z.string()).min(1) }), load: never },
    { type: "gpg", config: z.strictObject({ recipient: z.string().min(1) }), load: never },
  ],
  notifiers: [
    { type: "slack", config: z.strictObject({ webhook_url: secret() }), load: never },
    {
      type: "webhook",
      config: z.strictObject({ url: secret(), headers: z.record(z.string(), secret()).default({}) }),
      load: never,
    },
    {
      type: "email",
      config: z.strictObject({
        smtp_host: z.string(),
        smtp_port: z.int(),
        smtp_secure: z.boolean().default(true),
        to: z.string(),
        from: z.string(),
        user: z.string().optional(),
        username: z.string().optional(),
        password: secret().optional(),
      }),
      load: never,
    },
  ],
};

export interface Sandbox extends AsyncDisposable {
  readonly cwd: string;
  write(path: string, text: string | Uint8Array): Promise<string>;
}

export async function createSandbox(): Promise<Sandbox> {
  const cwd = await mkdtemp(join(tmpdir(), "backupctl-config-"));
  return {
    cwd,
    async write(path, text) {
      const target = join(cwd, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text);
      return target;
    },
    [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true }),
  };
}

export interface LoadOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly envFile?: string;
  readonly registries?: Registries;
}

/** Loads a text as `backupctl.yml`. */
export async function loadText(text: string | Uint8Array, options: LoadOptions = {}): Promise<LoadResult> {
  await using sandbox = await createSandbox();
  await sandbox.write("backupctl.yml", text);
  if (options.envFile !== undefined) await sandbox.write(".env", options.envFile);
  return await loadConfiguration({
    cwd: sandbox.cwd,
    env: options.env ?? {},
    registries: options.registries ?? testRegistries,
  });
}

/** The problems of a text that must not load. */
export async function problemsOf(
  text: string | Uint8Array,
  options: LoadOptions = {},
): Promise<readonly ConfigProblem[]> {
  try {
    await loadText(text, options);
  } catch (error) {
    if (error instanceof AppError && error.code === "config_invalid")
      return error.details["problems"] as ConfigProblem[];
    throw error;
  }
  throw new Error("the text loaded without an error");
}

/** `line:column message` of the errors. */
export async function errorsOf(text: string | Uint8Array, options: LoadOptions = {}): Promise<readonly string[]> {
  const problems = await problemsOf(text, options);
  return problems
    .filter(({ severity }) => severity === "error")
    .map(({ line, column, message }) => `${line}:${column} ${message}`);
}

export const localStorageBlock = "storage:\n  - { name: local, type: local, local: { path: /b } }\n"; // lines 1 and 2

/** A project that is right, with more lines below it; the project begins in line 4, `more` in line 6. */
export const projectWith = (more = ""): string =>
  `${localStorageBlock}projects:\n  - name: shop\n    database: { type: postgres, name: shop }\n${more.replace(/^(?=.)/gm, "    ")}`;

/** The error at a path, or the first one. */
export async function errorAt(text: string, wanted?: string, env: Record<string, string> = {}) {
  const errors = (await problemsOf(text, { env })).filter(({ severity }) => severity === "error");
  const problem = errors.find((error) => error.path === wanted) ?? errors[0];
  if (problem === undefined) throw new Error("there is no error");
  const { line, column, path, message, hint } = problem;
  return { at: `${line}:${column}`, path, message, hint };
}
