// `storage:` of the file, the storage of S3_BUCKET, and the local storage that is there when nothing else is.

import type { StorageSpec } from "../../domain/project/project.ts";
import { checkBlock } from "./check-block.ts";
import { checkSettings, isMapping, locatorAt, readFields, readList, type Draft } from "./draft.ts";
import { StorageSlot } from "./file-schema.ts";
import { quote } from "./key-path.ts";
import { environmentLocator } from "./problem-list.ts";
import { storageKind } from "./registries.ts";

export interface Storages {
  /** In the order of the file, the environment's behind them. */
  readonly declared: StorageSpec[];
  /** What a project without `storage` and `restic` uses. */
  readonly fallback: string;
}

export const s3StorageName = "s3-default";

export function readStorages(draft: Draft, value: unknown): Storages {
  const declared: StorageSpec[] = [];
  for (const { value: entry, at } of readList(draft, value, ["storage"])) {
    const storage = readStorage(draft, entry, at);
    if (storage === undefined) continue;
    const locator = locatorAt(draft, at);
    if (declared.some(({ name }) => name === storage.name)) {
      draft.problems.error(
        locator.locate(["name"], "value"),
        `the storage ${quote(storage.name)} is declared twice`,
        "give each a name of its own",
      );
    }
    if (storage.isDefault && declared.some(({ isDefault }) => isDefault)) {
      draft.problems.error(locator.locate(["default"], "value"), "a second storage is marked default", "mark one only");
    }
    declared.push(storage);
  }
  const bucket = readBucketOfEnvironment(draft);
  if (bucket !== undefined && !declared.some(({ name }) => name === s3StorageName)) declared.push(bucket);
  const base = baseStorage(draft, declared);
  const marked = declared.find(({ isDefault }) => isDefault) ?? declared.find(({ name }) => name === s3StorageName);
  if (declared.length === 0) declared.push(base);
  return { declared, fallback: (marked ?? base).name };
}

/** Adds the base directory's storage when a project has turned out to use it. */
export function withBaseStorage(draft: Draft, storages: Storages, used: ReadonlySet<string>): readonly StorageSpec[] {
  const base = baseStorage(draft, storages.declared);
  const missing = used.has(base.name) && !storages.declared.some(({ name }) => name === base.name);
  return missing ? [...storages.declared, base] : storages.declared;
}

function readStorage(draft: Draft, value: unknown, at: readonly (string | number)[]): StorageSpec | undefined {
  const type = isMapping(value) && typeof value["type"] === "string" ? value["type"] : undefined;
  const kind = storageKind(draft.registries);
  const types = [...kind.known, ...kind.registered.map((one) => one.type)];
  // With a slip in `type` the block below it has the right name: that is one problem, not two.
  const blocks = type === undefined ? [] : types.includes(type) ? [type] : [type, ...types];
  const fields = readFields(draft, StorageSlot.shape, value, at, blocks);
  if (fields === undefined || !isMapping(value) || type === undefined) return undefined;
  const locator = locatorAt(draft, at);
  let settings: unknown;
  if (value[type] === undefined && types.includes(type)) {
    draft.problems.error(
      locator.locate([type], "key"),
      `the key ${quote(type)} is missing`,
      `a storage of type ${type} has its settings below ${type}:`,
    );
  } else {
    settings = checkSettings(
      draft,
      kind,
      type,
      { value: value[type] ?? {}, locator: locatorAt(draft, [...at, type]) },
      locator,
    );
  }
  if (fields.name === undefined) return undefined;
  return { name: fields.name, type, isDefault: fields.default ?? false, settings };
}

const bucketVariables = {
  bucket: "S3_BUCKET",
  region: "S3_REGION",
  endpoint: "S3_ENDPOINT",
  prefix: "S3_PREFIX",
  access_key: "S3_ACCESS_KEY_ID",
  secret_key: "S3_SECRET_ACCESS_KEY",
  force_path_style: "S3_FORCE_PATH_STYLE",
} as const;

function readBucketOfEnvironment(draft: Draft): StorageSpec | undefined {
  const settings: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(bucketVariables)) {
    const text = draft.environment.findText(name);
    if (text !== undefined) settings[key] = text;
  }
  if (settings["bucket"] === undefined) return undefined;
  settings["region"] ??= "us-east-1";
  const locator = environmentLocator(draft.environment, bucketVariables);
  const definition = storageKind(draft.registries).registered.find(({ type }) => type === "s3");
  const checked = definition === undefined ? settings : checkBlock(draft, definition.config, settings, locator);
  return { name: s3StorageName, type: "s3", isDefault: false, settings: checked };
}

/** `local`, or `base-dir` where the file uses that name for another place. */
function baseStorage(draft: Draft, declared: readonly StorageSpec[]): StorageSpec {
  const path = draft.settings.baseDir;
  const named = declared.find(({ name }) => name === "local");
  const same =
    named !== undefined && isMapping(named.settings) && named.type === "local" && named.settings["path"] === path;
  if (same) return named;
  return { name: named === undefined ? "local" : "base-dir", type: "local", isDefault: false, settings: { path } };
}
