// `projects:` (document 1) and `databases:` (document 4), both normalised into domain projects.

import type {
  ChannelSpec,
  CompressionSpec,
  HooksSpec,
  Project,
  StorageSpec,
  VerificationSpec,
} from "../../domain/project/project.ts";
import { findBackupsInsideAssets } from "./backups-inside-assets.ts";
import { checkReference, isMapping, locatorAt, readFields, readList, type Draft } from "./draft.ts";
import { databaseKeys, projectKeys, type VerificationBlock } from "./file-schema.ts";
import { quote, type KeyPath } from "./key-path.ts";
import type { Fields } from "./draft.ts";
import { readFallbackChannel, readProjectChannels } from "./read-channels.ts";
import { readEncryption } from "./read-encryption.ts";
import { readRestic } from "./read-restic.ts";
import { readSchedules } from "./read-schedules.ts";
import {
  databaseOfEntry,
  databaseOfProject,
  readDrillServer,
  readSources,
  type DatabaseBlock,
} from "./read-sources.ts";
import type { Storages } from "./read-storages.ts";
import { retentionOf } from "./retention-of.ts";
import { z } from "zod";

export interface Projects {
  readonly projects: readonly Project[];
  /** Storages that `restic` blocks of projects make. */
  readonly restic: readonly StorageSpec[];
}

/** Blocks that are read by functions of their own; here they only have to be known keys. */
const open = z.unknown();
const documentOne = {
  ...projectKeys,
  database: open,
  assets: open,
  restic: open,
  schedules: open,
  encryption: open,
  notification: open,
};
const documentFour = { ...databaseKeys, assets: open, notification: open, backup: open };
const backupKeys = { ...databaseKeys.backup.unwrap().shape, encryption: open };

export function readProjects(
  draft: Draft,
  file: Readonly<Record<string, unknown>>,
  { storages, channels }: { readonly storages: Storages; readonly channels: readonly ChannelSpec[] },
): Projects {
  const projects: Project[] = [];
  const restic: StorageSpec[] = [];
  const keep = (project: Project | undefined, at: KeyPath): void => {
    if (project === undefined) return;
    if (projects.some(({ name }) => name === project.name)) {
      draft.problems.error(
        locatorAt(draft, at).locate(["name"], "value"),
        `the project ${quote(project.name)} is declared twice`,
        "give each a name of its own",
      );
    }
    projects.push(project);
  };
  for (const { value, at } of readList(draft, file["projects"], ["projects"])) {
    const fields = readFields(draft, documentOne, value, at);
    if (fields === undefined) continue;
    const database = databaseOfProject(draft, fields.database, [...at, "database"]);
    const own = readRestic(draft, fields.restic, [...at, "restic"], fields.name ?? "project");
    if (own?.storage !== undefined) {
      const { name } = own.storage;
      if (storages.declared.some((storage) => storage.name === name)) {
        const where = locatorAt(draft, at).locate(["restic"], "key");
        draft.problems.error(
          where,
          `the restic block makes a storage ${quote(name)}, which is declared too`,
          "rename that storage",
        );
      }
      restic.push(own.storage);
    }
    const made = {
      ...fields,
      schedule: fields.cron,
      encryptionAt: [...at, "encryption"],
      storageAt: [...at, "storage"],
    };
    const project = buildProject(draft, made, {
      at,
      database,
      hasDatabase: fields.database !== undefined,
      storages,
      channels,
      restic: own?.storage?.name,
    });
    keep(project === undefined || own === undefined ? project : { ...project, snapshotMode: own.snapshotMode }, at);
  }
  for (const { value, at } of readList(draft, file["databases"], ["databases"])) {
    const fields = readFields(draft, documentFour, value, at);
    if (fields === undefined) continue;
    const backup =
      fields.backup === undefined ? undefined : readFields(draft, backupKeys, fields.backup, [...at, "backup"]);
    const database = databaseOfEntry(draft, fields.type, fields.connection, at);
    const made = {
      ...fields,
      schedule: backup?.schedule,
      schedules: undefined,
      storage: backup?.storage,
      compression: backup?.compression,
      encryption: backup?.encryption,
      encryptionAt: [...at, "backup", "encryption"],
      storageAt: [...at, "backup", "storage"],
    };
    keep(buildProject(draft, made, { at, database, hasDatabase: true, storages, channels, restic: undefined }), at);
  }
  return { projects, restic };
}

/** What both dialects come to. */
type Made = Pick<
  Fields<typeof documentOne>,
  | "name"
  | "enabled"
  | "timeout_minutes"
  | "rpo_minutes"
  | "assets"
  | "hooks"
  | "verification"
  | "notification"
  | "retention"
  | "schedules"
  | "storage"
  | "compression"
  | "encryption"
> & {
  readonly schedule: string | undefined;
  readonly encryptionAt: KeyPath;
  readonly storageAt: KeyPath;
};

interface Surroundings {
  readonly at: KeyPath;
  readonly database: DatabaseBlock | undefined;
  /** Also true when the block is there and has faults. */
  readonly hasDatabase: boolean;
  readonly storages: Storages;
  /** Channels of the whole file. */
  readonly channels: readonly ChannelSpec[];
  /** The storage of the project's own `restic` block. */
  readonly restic: string | undefined;
}

function buildProject(draft: Draft, made: Made, around: Surroundings): Project | undefined {
  const { at, database } = around;
  const locator = locatorAt(draft, at);
  const sources = readSources(draft, database, made.assets, at);
  if (!around.hasDatabase && !hasPaths(made.assets)) {
    draft.problems.error(
      locator.locate([], "key"),
      "this project has neither a database nor asset paths",
      "add database: or assets:",
    );
  }
  const storages = storagesOf(draft, made, around);
  const schedules = readSchedules(draft, { cron: made.schedule, list: made.schedules, at, storages });
  const encryption = readEncryption(draft, made.encryption, made.encryptionAt);
  const name = made.name ?? "";
  const channels =
    made.notification === undefined
      ? fallbackChannels(draft, name, around.channels)
      : readProjectChannels(draft, made.notification, [...at, "notification"], name);
  const verification = verificationOf(draft, made.verification, database, [...at, "verification"]);
  const retention = retentionOf(made.retention);
  if (retention === null) {
    const own = schedules.length > 0 && schedules.every((schedule) => schedule.retention !== undefined);
    if (!own)
      draft.problems.warning(
        locator.locate(["retention"], "key"),
        `project ${quote(name)} has no retention: nothing is ever deleted`,
        "add retention: with keep rules",
      );
  }
  const used = around.storages.declared.filter((storage) => storages.includes(storage.name));
  for (const { assetPath, storagePath } of findBackupsInsideAssets(sources, used, draft.settings.baseDir)) {
    draft.problems.warning(
      locator.locate(["assets"], "key"),
      `backups at ${storagePath} lie inside the asset path ${assetPath}: every backup would contain the ones before`,
      `exclude it: exclude: ["${storagePath}/**"]`,
    );
  }
  if (made.name === undefined) return undefined;
  return {
    name,
    enabled: made.enabled ?? true,
    sources,
    storages,
    schedules,
    compression: compressionOf(made.compression),
    encryption,
    retention,
    hooks: hooksOf(made.hooks),
    verification,
    channels,
    timeoutMs: made.timeout_minutes === undefined ? null : made.timeout_minutes * 60_000,
    ...(made.rpo_minutes === undefined ? {} : { rpoMs: made.rpo_minutes * 60_000 }),
  };
}

function hasPaths(assets: unknown): boolean {
  return isMapping(assets) && !(Array.isArray(assets["paths"]) && assets["paths"].length === 0);
}

function storagesOf(draft: Draft, made: Made, { at, storages, restic }: Surroundings): readonly string[] {
  const own = restic === undefined ? [] : [restic];
  if (made.storage === undefined) {
    if (restic === undefined) warnOfFallback(draft, made, storages, at);
    return restic === undefined ? [storages.fallback] : own;
  }
  const isList = typeof made.storage !== "string";
  const names = typeof made.storage === "string" ? [made.storage] : made.storage;
  const known = storages.declared.map(({ name }) => name);
  const locator = locatorAt(draft, made.storageAt);
  names.forEach((name, index) => {
    if (!checkReference(draft, "storage", name, known, locator, isList ? [index] : [])) return;
    if (names.indexOf(name) !== index)
      draft.problems.error(locator.locate([index], "value"), `the storage ${quote(name)} is named twice`);
  });
  return [...names, ...own];
}

/** Who declares storages but uses none of them has probably forgotten to. */
function warnOfFallback(draft: Draft, made: Made, storages: Storages, at: KeyPath): void {
  const isUnnamed = !storages.declared.some(({ name }) => name === storages.fallback);
  if (!isUnnamed) return;
  const message = `project ${quote(made.name ?? "")} names no storage: its backups go to ${draft.settings.baseDir}`;
  draft.problems.warning(
    locatorAt(draft, at).locate(["storage"], "key"),
    message,
    "add storage:, or mark a storage with default: true",
  );
}

function fallbackChannels(draft: Draft, project: string, shared: readonly ChannelSpec[]): Project["channels"] {
  if (shared.some(({ projects }) => projects.length === 0 || projects.includes(project))) return [];
  const channel = readFallbackChannel(draft);
  return channel === undefined ? [] : [{ ...channel, projects: [project] }];
}

const usualLevels = { zstd: 3, gzip: 6 } as const;

function compressionOf(block: Made["compression"]): CompressionSpec {
  if (block === undefined) return { algorithm: "zstd", level: usualLevels.zstd };
  const { enabled, algorithm, level } =
    typeof block === "boolean" ? { enabled: block, algorithm: "zstd" as const, level: undefined } : block;
  if (!enabled) return { algorithm: "none", level: 0, explicit: true };
  return { algorithm, level: level ?? usualLevels[algorithm], explicit: true };
}

function hooksOf(block: Made["hooks"]): HooksSpec {
  return {
    ...(block?.pre_backup === undefined ? {} : { preBackup: block.pre_backup }),
    ...(block?.post_backup === undefined ? {} : { postBackup: block.post_backup }),
    timeoutMs: (block?.timeout_seconds ?? 300) * 1000,
  };
}

function verificationOf(
  draft: Draft,
  block: VerificationBlock | undefined,
  database: DatabaseBlock | undefined,
  at: KeyPath,
): VerificationSpec {
  if (block === undefined) return { enabled: false, level: "structure", rowCounts: "off", drillOn: "project" };
  const server = block.drill?.server;
  const on = block.drill?.on ?? (server === undefined ? "project" : "server");
  const drillServer =
    server === undefined || database === undefined
      ? undefined
      : readDrillServer(draft, database, server, [...at, "drill", "server"]);
  return {
    enabled: block.enabled,
    level: block.level,
    rowCounts: rowCountsOf(block),
    drillOn: on,
    ...(drillServer === undefined ? {} : { drillServer }),
  };
}

function rowCountsOf({ row_counts: asked, level, enabled }: VerificationBlock): VerificationSpec["rowCounts"] {
  if (asked === undefined) return enabled && level === "restore" ? "exact" : "off";
  if (typeof asked === "boolean") return asked ? "exact" : "off";
  return asked;
}
