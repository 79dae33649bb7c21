// A project's sources: its database and its asset paths.

import type { SourceSpec } from "../../domain/project/project.ts";
import { checkBlock, type Loading } from "./check-block.ts";
import { checkSettings, isMapping, locatorAt, omitKeys, type Block, type Draft } from "./draft.ts";
import { AssetsSlot } from "./file-schema.ts";
import type { KeyPath } from "./key-path.ts";
import type { Locator } from "./problem-list.ts";
import { databaseKind, filesType, sourceKind } from "./registries.ts";

/** What a dialect says of the database: its type and where, its settings and where. */
export interface DatabaseBlock {
  readonly type: string;
  readonly typeLocator: Locator;
  readonly settings: Block;
}

/** `database: { type, host, … }` of document 1. */
export function databaseOfProject(draft: Draft, value: unknown, at: KeyPath): DatabaseBlock | undefined {
  if (value === undefined) return undefined;
  const locator = locatorAt(draft, at);
  if (!isMapping(value)) {
    draft.problems.error(
      locator.locate([], "value"),
      "database must be a mapping",
      "write type, host and name below it",
    );
    return undefined;
  }
  const type = value["type"];
  if (typeof type !== "string") {
    const message = type === undefined ? 'the key "type" is missing' : "type must be a text";
    draft.problems.error(
      locator.locate(["type"], type === undefined ? "key" : "value"),
      message,
      "write type: postgres",
    );
    return undefined;
  }
  return { type, typeLocator: locator, settings: { value: omitKeys(value, ["type"]), locator } };
}

/** `type` and `connection` of document 4; its `database` is our `name`. */
export function databaseOfEntry(
  draft: Draft,
  type: string | undefined,
  connection: unknown,
  at: KeyPath,
): DatabaseBlock | undefined {
  if (type === undefined || !isMapping(connection)) return undefined;
  const plain = locatorAt(draft, [...at, "connection"]);
  const settings: Record<string, unknown> = omitKeys(connection, ["database"]);
  if (connection["database"] !== undefined) {
    if (settings["name"] !== undefined)
      draft.problems.error(plain.locate(["name"], "key"), "name and database are both given", "keep one of them");
    settings["name"] = connection["database"];
  }
  const renamed = connection["name"] === undefined;
  const locator = renamed ? locatorAt(draft, [...at, "connection"], { name: "database" }) : plain;
  return { type, typeLocator: locatorAt(draft, at), settings: { value: settings, locator } };
}

export function readSources(
  draft: Draft,
  database: DatabaseBlock | undefined,
  assets: unknown,
  at: KeyPath,
): readonly SourceSpec[] {
  const sources: SourceSpec[] = [];
  if (database !== undefined) {
    const { type, typeLocator, settings } = database;
    const checked = checkSettings(draft, databaseKind(draft.registries), type, settings, typeLocator);
    if (checked !== undefined) sources.push({ name: "database", type, settings: checked });
  }
  const files = readAssets(draft, assets, [...at, "assets"]);
  if (files !== undefined) sources.push(files);
  return sources;
}

/** An empty list of paths is no source (document 1 writes it for "none"). */
function readAssets(draft: Draft, value: unknown, at: KeyPath): SourceSpec | undefined {
  if (value === undefined) return undefined;
  const locator = locatorAt(draft, at);
  if (isMapping(value) && Array.isArray(value["paths"]) && value["paths"].length === 0) return undefined;
  if (checkBlock(draft, AssetsSlot, value, locator) === undefined) return undefined;
  const settings = checkSettings(draft, sourceKind(draft.registries), filesType, { value, locator }, locator);
  return settings === undefined ? undefined : { name: "assets", type: filesType, settings };
}

/**
 * Settings of a drill's server: the project's own, with some keys replaced. Problems with keys that were not
 * replaced have been told already.
 */
export function readDrillServer(
  draft: Draft,
  database: DatabaseBlock,
  replacement: Readonly<Record<string, unknown>>,
  at: KeyPath,
): unknown {
  const own = isMapping(database.settings.value) ? database.settings.value : {};
  const locator = locatorAt(draft, at);
  const quiet: Loading = {
    ...draft,
    problems: {
      ...draft.problems,
      error: (where, message, hint) => {
        if (where.path.startsWith(locator.locate([], "key").path)) draft.problems.error(where, message, hint);
      },
    },
  };
  const merged = {
    value: { ...own, ...replacement },
    locator: mergedLocator(locator, database.settings.locator, replacement),
  };
  return checkSettings(
    { ...draft, ...quiet },
    databaseKind(draft.registries),
    database.type,
    merged,
    database.typeLocator,
  );
}

function mergedLocator(drill: Locator, own: Locator, replacement: Readonly<Record<string, unknown>>): Locator {
  const pick = (path: KeyPath): Locator =>
    path.length > 0 && Object.hasOwn(replacement, String(path[0])) ? drill : own;
  return {
    name: drill.name,
    fileKey: drill.fileKey,
    locate: (path, at) => pick(path).locate(path, at),
    variablesOf: (path) => pick(path).variablesOf(path),
  };
}
