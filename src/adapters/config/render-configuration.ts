// The resolved configuration as YAML for `config show`, with every secret masked.

import { stringify } from "yaml";
import type {
  AdapterSpec,
  ChannelSpec,
  Configuration,
  Project,
  ScheduleSpec,
  Settings,
} from "../../domain/project/project.ts";
import type { RetentionPolicy } from "../../domain/retention/retention-policy.ts";
import { mask, maskSettings, maskText, maskUrlPassword } from "./mask-secrets.ts";
import {
  cipherKind,
  notifierKind,
  sourceKind,
  storageKind,
  type Registries,
  type TechnologyKind,
} from "./registries.ts";

export interface RenderOptions {
  /** Null: all of them. */
  readonly project: Project | null;
  /** Their schemas say which settings are secret. */
  readonly registries: Registries;
}

/** Reads like a configuration file, with every default filled in. */
export function renderConfiguration(configuration: Configuration, options: RenderOptions): string {
  const text = stringify(showConfiguration(configuration, options), { lineWidth: 0, aliasDuplicateObjects: false });
  return text.trimEnd();
}

/** The same as data, for --json. */
export function showConfiguration(configuration: Configuration, { project, registries }: RenderOptions): unknown {
  const { secrets } = configuration;
  const settingsOf = (kind: TechnologyKind, spec: AdapterSpec): unknown => {
    const schema = kind.registered.find(({ type }) => type === spec.type)?.config;
    return maskSettings(schema, spec.settings, secrets);
  };
  const showChannel = ({ name, type, on, afterFailures, projects, settings }: ChannelSpec): unknown => ({
    name,
    type,
    on: [...on],
    ...(afterFailures === undefined ? {} : { after_failures: afterFailures }),
    ...(projects.length === 0 ? {} : { projects: [...projects] }),
    config: settingsOf(notifierKind(registries), { type, settings }),
  });
  const showProject = (one: Project): unknown => ({
    name: one.name,
    enabled: one.enabled,
    ...(one.timeoutMs === null ? {} : { timeout_minutes: one.timeoutMs / 60_000 }),
    ...(one.rpoMs === undefined ? {} : { rpo_minutes: one.rpoMs / 60_000 }),
    ...Object.fromEntries(
      one.sources.map((source) => {
        const settings = settingsOf(sourceKind(registries), source) as object;
        return [source.name, source.name === "assets" ? settings : { type: source.type, ...settings }];
      }),
    ),
    storage: [...one.storages],
    schedules: one.schedules.map(showSchedule),
    compression: {
      enabled: one.compression.algorithm !== "none",
      algorithm: one.compression.algorithm,
      level: one.compression.level,
    },
    encryption:
      one.encryption === null
        ? { enabled: false }
        : {
            enabled: true,
            type: one.encryption.type,
            ...(settingsOf(cipherKind(registries), one.encryption) as object),
          },
    retention: one.retention === null ? "none: nothing is ever deleted" : showRetention(one.retention),
    hooks: showHooks(one, secrets),
    verification: showVerification(one, (settings) =>
      settingsOf(sourceKind(registries), { type: one.sources[0]?.type ?? "", settings }),
    ),
    notification: one.channels.map(showChannel),
  });
  const storages = configuration.storages.filter(({ name }) => project === null || project.storages.includes(name));
  const channels = configuration.channels.filter(
    ({ projects }) => project === null || projects.length === 0 || projects.includes(project.name),
  );
  return {
    file: configuration.path,
    settings: showSettings(configuration.settings, secrets),
    storage: storages.map((storage) => ({
      name: storage.name,
      type: storage.type,
      default: storage.isDefault,
      [storage.type]: settingsOf(storageKind(registries), storage),
    })),
    projects: (project === null ? configuration.projects : [project]).map(showProject),
    notifications: channels.map(showChannel),
  };
}

function showSchedule({
  name,
  kind,
  type,
  cron,
  timeZone,
  enabled,
  storages,
  retention,
  limits,
}: ScheduleSpec): unknown {
  return {
    name,
    kind,
    type,
    cron,
    timezone: timeZone,
    enabled,
    ...(storages === undefined ? {} : { storage: [...storages] }),
    ...(retention === undefined ? {} : { retention: showRetention(retention) }),
    options: {
      ...(limits.uploadKbps === undefined ? {} : { limit_upload_kbps: limits.uploadKbps }),
      ...(limits.downloadKbps === undefined ? {} : { limit_download_kbps: limits.downloadKbps }),
    },
  };
}

function showRetention(policy: RetentionPolicy): unknown {
  const keys: Readonly<Record<keyof RetentionPolicy, string>> = {
    localDays: "local_days",
    keepLast: "keep_last",
    keepHourly: "keep_hourly",
    keepDaily: "keep_daily",
    keepWeekly: "keep_weekly",
    keepMonthly: "keep_monthly",
    keepYearly: "keep_yearly",
    maxAgeDays: "max_age_days",
    maxTotalSizeBytes: "max_total_size",
  };
  return Object.fromEntries(Object.entries(policy).map(([key, value]) => [keys[key as keyof RetentionPolicy], value]));
}

/** Hook lines are the user's shell: a password in one is masked by value and by the form of a URL. */
function showHooks({ hooks }: Project, secrets: readonly string[]): unknown {
  const show = (line: string): string => maskText(maskUrlPassword(line), secrets);
  return {
    ...(hooks.preBackup === undefined ? {} : { pre_backup: show(hooks.preBackup) }),
    ...(hooks.postBackup === undefined ? {} : { post_backup: show(hooks.postBackup) }),
    timeout_seconds: hooks.timeoutMs / 1000,
  };
}

function showVerification({ verification }: Project, showServer: (settings: unknown) => unknown): unknown {
  const { enabled, level, rowCounts, drillOn, drillServer } = verification;
  const drill = { on: drillOn, ...(drillServer === undefined ? {} : { server: showServer(drillServer) }) };
  return { enabled, level, row_counts: rowCounts, drill };
}

function showSettings(settings: Settings, secrets: readonly string[]): unknown {
  const { encryptionKey, previousEncryptionKeys = [], databaseUrl, databaseChoice: _choice, tools, ...rest } = settings;
  const shown = {
    ...rest,
    databaseUrl: maskText(maskUrlPassword(databaseUrl), secrets),
    encryptionKey: encryptionKey === null ? null : mask,
    ...(previousEncryptionKeys.length === 0 ? {} : { previousEncryptionKeys: mask }),
    ...tools,
  };
  return Object.fromEntries(
    Object.entries(shown).map(([key, value]) => [settingNames[key] ?? key, showUnit(key, value)]),
  );
}

/** Shown under the variable that sets it, in that variable's unit. */
const settingNames: Readonly<Record<string, string>> = {
  baseDir: "BACKUP_BASE_DIR",
  tmpDir: "TMP_DIR",
  timeZone: "TIMEZONE",
  databaseUrl: "DATABASE_URL",
  encryptionKey: "ENCRYPTION_KEY",
  previousEncryptionKeys: "ENCRYPTION_KEY_PREVIOUS",
  encryptionKeyFile: "ENCRYPTION_KEY_FILE",
  diskMinFreeBytes: "HEALTH_DISK_MIN_FREE_GB",
  retryCount: "BACKUP_RETRY_COUNT",
  retryDelayMs: "BACKUP_RETRY_DELAY_MS",
  stallTimeoutMs: "BACKUP_STALL_TIMEOUT_SECONDS",
  safetyBackupDays: "SAFETY_BACKUP_DAYS",
  maxRetentionDays: "MAX_BACKUP_RETENTION_DAYS",
  logLevel: "LOG_LEVEL",
  logDir: "LOG_DIR",
  logMaxBytes: "LOG_MAX_SIZE",
  logMaxFiles: "LOG_MAX_FILES",
  dailySummaryCron: "DAILY_SUMMARY_CRON",
  retentionCron: "RETENTION_CRON",
  gpgKeysDir: "GPG_KEYS_DIR",
  maxConcurrentRuns: "MAX_CONCURRENT_BACKUPS",
  listen: "LISTEN",
  pgBinDir: "PG_BIN_DIR",
  mysqlBinDir: "MYSQL_BIN_DIR",
  mongoBinDir: "MONGO_BIN_DIR",
  resticBinary: "RESTIC_BINARY",
};

function showUnit(key: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (key === "diskMinFreeBytes") return value / 1e9;
  return key === "stallTimeoutMs" ? value / 1000 : value;
}
