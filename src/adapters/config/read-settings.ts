// Environment-wide settings: names, aliases and defaults of the product.

import { join, resolve } from "node:path";
import type { Settings, ToolDirs } from "../../domain/project/project.ts";
import { addSecret } from "./check-block.ts";
import { findCronFault, isTimeZone } from "./cron.ts";
import { quote } from "./key-path.ts";
import { readDatabaseUrl } from "./read-database-url.ts";
import type { VariableReader } from "./read-variable.ts";
import { parseSize } from "./size.ts";

export interface SettingsRequest {
  readonly variables: VariableReader;
  readonly cwd: string;
  readonly secrets: Set<string>;
}

const logLevels = ["debug", "info", "warn", "error"] as const;

export function readSettings({ variables, cwd, secrets }: SettingsRequest): Settings {
  const path = (fallback: string, ...names: readonly string[]): string =>
    resolve(cwd, variables.text(...names) ?? fallback);
  const baseDir = path("/data/backups", "BACKUP_BASE_DIR", "BACKUP_STORAGE_PATH");
  const minFreeGb = variables.number("HEALTH_DISK_MIN_FREE_GB", {
    fallback: 5,
    min: 0,
    max: 1_000_000,
    fraction: true,
  });
  const stallSeconds = variables.number("BACKUP_STALL_TIMEOUT_SECONDS", { fallback: 300, min: 1, max: 86_400 });
  return {
    baseDir,
    tmpDir: path(join(baseDir, ".tmp"), "TMP_DIR"),
    timeZone: readTimeZone(variables),
    ...readDatabaseUrl(variables, cwd, baseDir, secrets),
    encryptionKey: readEncryptionKey(variables, secrets),
    previousEncryptionKeys: readPreviousKeys(variables, secrets),
    encryptionKeyFile: path(join(baseDir, ".backupctl", "encryption.key"), "ENCRYPTION_KEY_FILE", "RM_SECRET_KEY_FILE"),
    diskMinFreeBytes: Math.round(minFreeGb * 1e9),
    retryCount: variables.number("BACKUP_RETRY_COUNT", { fallback: 3, min: 0, max: 100 }),
    retryDelayMs: variables.number("BACKUP_RETRY_DELAY_MS", { fallback: 5000, min: 0, max: 3_600_000 }),
    stallTimeoutMs: stallSeconds * 1000,
    safetyBackupDays: variables.number("SAFETY_BACKUP_DAYS", { fallback: 7, min: 0, max: 36_500 }),
    maxRetentionDays: variables.optionalNumber("MAX_BACKUP_RETENTION_DAYS", { min: 1, max: 36_500 }) ?? null,
    logLevel: variables.oneOf("LOG_LEVEL", logLevels, "info", { warning: "warn", verbose: "debug", trace: "debug" }),
    logDir: path(join(baseDir, ".logs"), "LOG_DIR"),
    logMaxBytes: readSize(variables, "LOG_MAX_SIZE", 10e6),
    logMaxFiles: variables.number("LOG_MAX_FILES", { fallback: 5, min: 1, max: 10_000 }),
    dailySummaryCron: readCron(variables, "DAILY_SUMMARY_CRON", "0 8 * * *"),
    retentionCron: readCron(variables, "RETENTION_CRON", "0 4 * * *"),
    ...optionalPath("gpgKeysDir", variables.text("GPG_KEYS_DIR"), cwd),
    maxConcurrentRuns: variables.number("MAX_CONCURRENT_BACKUPS", { fallback: 3, min: 1, max: 1_000 }),
    listen: readListen(variables),
    tools: readToolDirs(variables),
  };
}

function optionalPath<K extends string>(key: K, value: string | undefined, cwd: string): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: resolve(cwd, value) }) as { [P in K]?: string };
}

function readTimeZone(variables: VariableReader): string {
  const found = variables.find("TIMEZONE", "TZ");
  if (found === undefined) return "UTC";
  const zone = found.value.replace(/^:/, "");
  if (isTimeZone(zone)) return zone;
  variables.error(
    found.name,
    `${found.name} names no time zone that is known: ${quote(zone)}`,
    "set TIMEZONE to a name as Europe/Berlin or UTC",
  );
  return "UTC";
}

function readEncryptionKey(variables: VariableReader, secrets: Set<string>): string | null {
  const key = variables.text("ENCRYPTION_KEY");
  if (key === undefined) return null;
  addSecret(secrets, key);
  if (key.length < 32) {
    variables.error(
      "ENCRYPTION_KEY",
      `ENCRYPTION_KEY has ${key.length} characters, at least 32 are needed`,
      "make one with: openssl rand -hex 32",
    );
  }
  return key;
}

/** Separated by commas; a password that holds one itself is tried as a whole too. */
function readPreviousKeys(variables: VariableReader, secrets: Set<string>): readonly string[] {
  const text = variables.text("ENCRYPTION_KEY_PREVIOUS");
  if (text === undefined) return [];
  const parts = text.split(",").map((part) => part.trim());
  const keys = [...new Set([...parts, text])].filter((key) => key !== "");
  for (const key of keys) addSecret(secrets, key);
  return keys;
}

function readSize(variables: VariableReader, name: string, fallback: number): number {
  const text = variables.text(name);
  const bytes = text === undefined ? fallback : parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  variables.error(name, `${name} must be a size as 10m or 1GB, not ${quote(text ?? "")}`);
  return fallback;
}

function readCron(variables: VariableReader, name: string, fallback: string): string {
  const text = variables.text(name) ?? fallback;
  const fault = findCronFault(text);
  if (fault === undefined) return text;
  variables.error(name, `${name}: ${fault}`);
  return fallback;
}

/** Orchestrators set APP_PORT and PORT to things of their own; what is no port there must not stop a backup. */
function readListen(variables: VariableReader): string {
  for (const name of ["LISTEN", "APP_PORT", "PORT", "RM_LISTEN"]) {
    const text = variables.text(name);
    if (text === undefined) continue;
    const address = /^\d+$/.test(text) ? `:${text}` : text;
    const port = Number(/^[^/]*:(\d{1,5})$/.exec(address)?.[1] ?? Number.NaN);
    if (port >= 0 && port <= 65_535) return address;
    const message = `${name} must be a port or host:port, not ${quote(text)}`;
    if (name === "LISTEN") variables.error(name, message);
    else variables.warning(name, message, "it is ignored; LISTEN comes before it");
  }
  return ":3100";
}

function readToolDirs(variables: VariableReader): ToolDirs {
  const dirs = {
    pgBinDir: variables.text("PG_BIN_DIR"),
    mysqlBinDir: variables.text("MYSQL_BIN_DIR"),
    mongoBinDir: variables.text("MONGO_BIN_DIR"),
    resticBinary: variables.text("RESTIC_BINARY"),
  };
  return Object.fromEntries(Object.entries(dirs).filter(([, dir]) => dir !== undefined)) as ToolDirs;
}
