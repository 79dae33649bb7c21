// The keys of the configuration file. Blocks that belong to a technology (`database`, `encryption`, a storage's own
// settings, a channel's `config`) stay open here; the adapter's schema checks them.

import { z } from "zod";
import { namePattern } from "../../domain/project/name.ts";
import { findCronFault, isTimeZone } from "./cron.ts";
import { parseSize } from "./size.ts";

export const Name = z
  .string()
  .regex(
    namePattern,
    "a name begins with a letter or digit and has up to 63 letters, digits, dots, dashes and underscores",
  )
  .describe("Name: letters, digits, dots, dashes and underscores, up to 63, beginning with a letter or digit");

export const CronText = z
  .string()
  .superRefine((text, context) => {
    const fault = findCronFault(text);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  })
  .describe("Cron expression of five fields: minute, hour, day of month, month, day of week");

/** Document 4 allows an empty schedule: the project is then backed up by hand only. */
const OptionalCron = z.union([z.literal(""), CronText]);

const TimeZone = z
  .string()
  .refine(isTimeZone, "this time zone is not known; write one as Europe/Berlin")
  .describe("Time zone of the schedule, as Europe/Berlin; default: TIMEZONE");

const count = (what: string) => z.int().min(0).max(1_000_000).optional().describe(what);

export const Size = z
  .union([z.int().min(1), z.string()])
  .transform((value, context) => {
    const bytes = parseSize(value);
    if (bytes !== undefined && bytes > 0) return bytes;
    context.addIssue({ code: "custom", message: "a size is a number with a unit, as 500GB or 1.5TiB" });
    return z.NEVER;
  })
  .describe("Size: a number of bytes, or with a unit: KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024)");

export const RetentionBlock = z
  .strictObject({
    local_days: count("Days that dump files stay in BACKUP_BASE_DIR"),
    keep_last: count("The newest backups that stay, whatever their time"),
    keep_hourly: count("Hours of which the newest backup stays"),
    keep_daily: count("Days of which the newest backup stays"),
    keep_weekly: count("ISO weeks of which the newest backup stays"),
    keep_monthly: count("Months of which the newest backup stays"),
    keep_yearly: count("Years of which the newest backup stays"),
    max_age_days: z.int().min(1).max(100_000).optional().describe("Backups older than this go"),
    max_total_size: Size.optional().describe("The oldest go while all together are larger than this, as 500GB"),
  })
  .superRefine((block, context) => {
    const kept = Object.entries(block).filter(([key]) => key.startsWith("keep_"));
    if (kept.length === 0 || kept.some(([, number]) => number !== 0)) return;
    context.addIssue({
      code: "custom",
      message: "every keep rule is 0: this would delete every backup but the newest",
    });
  })
  .describe("What is kept; without this block nothing is ever deleted");
export type RetentionBlock = z.infer<typeof RetentionBlock>;

export const CompressionBlock = z
  .union([
    z.boolean(),
    z
      .strictObject({
        enabled: z.boolean().default(true).describe("false: backups are not compressed"),
        algorithm: z.enum(["zstd", "gzip"]).default("zstd").describe("Method"),
        level: z.int().min(1).max(22).optional().describe("1 is fast; default: 3 for zstd, 6 for gzip"),
      })
      .refine(({ algorithm, level }) => algorithm !== "gzip" || level === undefined || level <= 9, {
        message: "level must be at most 9 for gzip",
        path: ["level"],
      }),
  ])
  .describe("Compression; default: zstd, level 3");

export const HooksBlock = z
  .strictObject({
    pre_backup: z
      .string()
      .min(1)
      .optional()
      .describe("Shell line before a backup; when it fails the backup does not start"),
    post_backup: z
      .string()
      .min(1)
      .optional()
      .describe("Shell line after a backup, also after a failed one; reads BACKUPCTL_STATUS"),
    timeout_seconds: z.number().positive().max(86_400).default(300).describe("Time each line may take"),
  })
  .describe("Shell lines around a backup; the shell resolves ${VAR} here");

export const DrillServerSlot = z
  .looseObject({})
  .describe("Connection for the drill; keys not given are those of the project's database");

export const VerificationBlock = z
  .strictObject({
    enabled: z.boolean().default(true).describe("false: backups are not verified after they are made"),
    level: z
      .enum(["checksum", "structure", "restore"])
      .default("structure")
      .describe(
        "checksum: read back and compared; structure: read by the engine's tool too; restore: really restored to a scratch database",
      ),
    row_counts: z
      .union([z.boolean(), z.enum(["exact", "lock", "off"])])
      .optional()
      .describe(
        "Count rows with the dump: true, false, or lock (under a short read lock); default: true with level restore",
      ),
    drill: z
      .strictObject({
        on: z
          .enum(["project", "server", "throwaway"])
          .optional()
          .describe("Server of the drill: the project's own, another, or one started for it"),
        server: DrillServerSlot.optional(),
      })
      .refine(({ on, server }) => on !== "server" || server !== undefined, {
        message: 'the key "server" is missing, which on: server needs',
        path: ["on"],
      })
      .refine(({ on, server }) => server === undefined || on === undefined || on === "server", {
        message: "server is given but on names another place",
        path: ["on"],
      })
      .optional()
      .describe("Where level restore restores to"),
  })
  .describe("How each backup is proven");
export type VerificationBlock = z.infer<typeof VerificationBlock>;

const StorageNames = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

export const scheduleKinds = ["backup", "verify", "prune", "check", "forget"] as const;
export const scheduleTypes = ["hourly", "daily", "weekly", "monthly", "custom"] as const;

export const ScheduleBlock = z
  .strictObject({
    name: Name.optional().describe("Name of the schedule; default: its type"),
    kind: z.enum(scheduleKinds).default("backup").describe("What runs"),
    type: z.enum(scheduleTypes).optional().describe("Names the backups; gives the times when cron is absent"),
    cron: CronText.optional(),
    timezone: TimeZone.optional(),
    enabled: z.boolean().default(true).describe("false: the schedule rests"),
    storage: StorageNames.optional().describe("Storages of this schedule; default: the project's"),
    retention: RetentionBlock.optional(),
    options: z
      .strictObject({
        limit_upload_kbps: z.int().min(1).optional().describe("Highest upload rate in KiB per second"),
        limit_download_kbps: z.int().min(1).optional().describe("Highest download rate in KiB per second"),
      })
      .default({})
      .describe("Limits of this schedule's runs"),
  })
  .refine(({ cron, type }) => cron !== undefined || (type !== undefined && type !== "custom"), {
    message: "a schedule needs cron, or a type that has times of its own: hourly, daily, weekly, monthly",
  });
export type ScheduleBlock = z.infer<typeof ScheduleBlock>;

export const DatabaseSlot = z.looseObject({ type: z.string().min(1) });
export const AssetsSlot = z.looseObject({ paths: z.array(z.string()) });
export const EncryptionSlot = z.looseObject({ enabled: z.boolean().optional(), type: z.string().min(1).optional() });
export const ChannelSlot = z.looseObject({ type: z.string().min(1), config: z.looseObject({}).default({}) });
export const StorageSlot = z.looseObject({ name: Name, type: z.string().min(1), default: z.boolean().default(false) });
export const ConnectionSlot = z.looseObject({});

export const outcomes = ["success", "failure", "both", "all"] as const;
export const Outcomes = z
  .union([z.enum(outcomes), z.array(z.enum(outcomes)).min(1)])
  .describe("What is told: success, failure (and warnings), both; all: also starts and daily summaries");

export const channelKeys = {
  name: Name.optional().describe("Name of the channel; default: its type"),
  on: Outcomes.optional(),
  after_failures: z
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .describe("Failures are told from this one in a row on; default: 1"),
} as const;

const resticKeys = {
  repository: z.string().min(1).describe("Address of the repository in restic's own form"),
  password: z.string().min(1).meta({ secret: true }).describe("Password of the repository; default: RESTIC_PASSWORD"),
  env: z
    .record(z.string(), z.string().meta({ secret: true }))
    .default({})
    .describe("Variables for restic: the credentials of its back end; default: those of the environment"),
  lock_wait_minutes: z
    .number()
    .min(0)
    .max(1_440)
    .default(10)
    .describe("How long a lock that somebody else holds in the repository is waited for"),
};

/** A project's own `restic` block. */
export const ResticBlock = z
  .strictObject({
    repository_path: z
      .string()
      .min(1)
      .optional()
      .describe("Path of the repository on the storage box of HETZNER_SSH_HOST"),
    repository: resticKeys.repository.optional(),
    password: resticKeys.password.optional(),
    env: resticKeys.env,
    lock_wait_minutes: resticKeys.lock_wait_minutes,
    snapshot_mode: z
      .enum(["combined", "separate"])
      .default("combined")
      .describe("One snapshot for all parts, or one each"),
  })
  .describe("Backup with restic");
export type ResticBlock = z.infer<typeof ResticBlock>;

const shared = {
  enabled: z.boolean().default(true).describe("false: run --all and the schedules leave the project out"),
  timeout_minutes: z
    .number()
    .positive()
    .max(525_600)
    .optional()
    .describe("A run that takes longer is warned of; it is not stopped"),
  rpo_minutes: z
    .number()
    .positive()
    .max(525_600 * 5)
    .optional()
    .describe("An alert is raised when the newest backup is older (default: twice the interval of its schedule)"),
  assets: AssetsSlot.optional(),
  hooks: HooksBlock.optional(),
  verification: VerificationBlock.optional(),
  notification: z.union([ChannelSlot, z.array(ChannelSlot)]).optional(),
  retention: RetentionBlock.optional(),
};

export const projectKeys = {
  name: Name,
  ...shared,
  cron: CronText.optional(),
  schedules: z.array(ScheduleBlock).optional().describe("When what runs"),
  database: DatabaseSlot.optional(),
  storage: StorageNames.optional().describe("Where backups go: one name or a list; all are fed at once"),
  restic: ResticBlock.optional(),
  compression: CompressionBlock.optional(),
  encryption: EncryptionSlot.optional(),
} as const;

export const databaseKeys = {
  name: Name,
  type: z.string().min(1),
  ...shared,
  connection: ConnectionSlot,
  backup: z
    .strictObject({
      schedule: OptionalCron.optional().describe("Cron expression; empty: by hand only"),
      storage: StorageNames.optional().describe("Where backups go"),
      compression: CompressionBlock.optional(),
      encryption: EncryptionSlot.optional(),
    })
    .optional()
    .describe("What is made, when, and where it goes"),
} as const;

export const toolKeys = {
  pg_bin_dir: z.string().min(1).optional().describe("Directory of pg_dump and pg_restore"),
  mysql_bin_dir: z.string().min(1).optional().describe("Directory of the MySQL or MariaDB client programs"),
  mongo_bin_dir: z.string().min(1).optional().describe("Directory of mongodump and mongorestore"),
  restic_binary: z.string().min(1).optional().describe("The restic program"),
} as const;

export const Version = z
  .int()
  .min(1)
  .refine((version) => version <= 1, "this version of the file is not known; this program reads version 1")
  .default(1)
  .describe("Version of the file's form: 1");

export const topLevelKeys = ["version", "storage", "projects", "databases", "notifications", "tools"] as const;
