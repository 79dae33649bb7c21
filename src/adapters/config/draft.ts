// What the readers of the file's parts share, and the two ways in which they read: key by key, and by an adapter's schema.

import type { z } from "zod";
import type { Settings } from "../../domain/project/project.ts";
import { addSecret, checkBlock, noteSecrets, type Loading } from "./check-block.ts";
import type { Environment } from "./environment.ts";
import { quote, type KeyPath } from "./key-path.ts";
import { fileLocator, suggestName, type Locator } from "./problem-list.ts";
import type { Registries, TechnologyKind, TypedSchema } from "./registries.ts";
import { unresolved, type YamlTree } from "./yaml-tree.ts";

export interface Draft extends Loading {
  readonly file: string;
  readonly tree: YamlTree;
  readonly environment: Environment;
  readonly settings: Settings;
  readonly registries: Registries;
}

/** A block of the file (or of the environment) with its places. */
export interface Block {
  readonly value: unknown;
  readonly locator: Locator;
}

export function locatorAt(draft: Draft, at: KeyPath, rename?: Readonly<Record<string, string>>): Locator {
  return fileLocator({ file: draft.file, tree: draft.tree, at, ...(rename === undefined ? {} : { rename }) });
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Shape = Readonly<Record<string, z.ZodType>>;
export type Fields<S extends Shape> = { readonly [K in keyof S]: z.output<S[K]> | undefined };

/**
 * Reads a mapping key by key, so that a fault in one does not hide the others. Keys with faults come out undefined;
 * undefined altogether when it is no mapping. `more` are keys that the caller reads itself.
 */
export function readFields<S extends Shape>(
  draft: Draft,
  shape: S,
  value: unknown,
  at: KeyPath,
  more: readonly string[] = [],
): Fields<S> | undefined {
  const locator = locatorAt(draft, at);
  if (!isMapping(value)) {
    if (value !== unresolved)
      draft.problems.error(
        locator.locate([], "value"),
        `${locator.name} must be a mapping`,
        "write key: value below it",
      );
    return undefined;
  }
  const known = [...Object.keys(shape), ...more];
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    draft.problems.error(locator.locate([key], "key"), `unknown key ${quote(key)}`, suggestName(key, known));
  }
  const fields = Object.entries(shape).map(([key, schema]) => [
    key,
    checkBlock(draft, schema, value[key], locatorAt(draft, [...at, key])),
  ]);
  return Object.fromEntries(fields) as Fields<S>;
}

/** Items of a list; an absent or empty one has none. */
export function readList(
  draft: Draft,
  value: unknown,
  at: KeyPath,
): readonly { readonly value: unknown; readonly at: KeyPath }[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item: unknown, index) => ({ value: item, at: [...at, index] }));
  const locator = locatorAt(draft, at);
  draft.problems.error(locator.locate([], "value"), `${locator.name} must be a list`, "begin each entry with a dash");
  return [];
}

/** Settings checked by the technology's own schema; undefined after an error. */
export function checkSettings(
  draft: Draft,
  kind: TechnologyKind,
  type: string,
  settings: Block,
  typeBlock: Locator,
): unknown {
  const definition = kind.registered.find((one) => one.type === type);
  if (definition !== undefined) {
    const checked = checkBlock(draft, definition.config, settings.value, settings.locator);
    return checked === undefined ? undefined : completeSettings(draft, definition, checked, settings.locator);
  }
  const where = typeBlock.locate(["type"], "value");
  if (!kind.known.includes(type)) {
    const types = [...new Set([...kind.registered.map((one) => one.type), ...kind.known])];
    draft.problems.error(where, `unknown ${kind.noun} type ${quote(type)}`, suggestName(type, types));
    noteSecrets(draft, undefined, settings.value, settings.locator);
    return undefined;
  }
  draft.problems.warning(
    where,
    `${kind.noun} type ${type} is not available in this build`,
    "runs that need it will fail",
  );
  noteSecrets(draft, undefined, settings.value, settings.locator);
  return settings.value;
}

/** Settings with what the environment has for them; a key that then still lacks is a problem. */
export function completeSettings(draft: Draft, definition: TypedSchema, settings: unknown, locator: Locator): unknown {
  const completed = definition.complete?.(settings, (name) => draft.environment.find(name));
  if (completed === undefined) return settings;
  for (const secret of completed.secrets) addSecret(draft.secrets, secret);
  for (const { key, hint } of completed.missing) {
    draft.problems.error(locator.locate([key], "key"), `the key ${quote(key)} is missing`, hint);
  }
  return completed.config;
}

/** A name that refers to something that must exist. */
export function checkReference(
  draft: Draft,
  what: string,
  name: string,
  known: readonly string[],
  at: Locator,
  path: KeyPath,
): boolean {
  if (known.includes(name)) return true;
  draft.problems.error(at.locate(path, "value"), `${what} ${quote(name)} does not exist`, suggestName(name, known));
  return false;
}

/** A copy of a mapping without some of its keys. */
export function omitKeys(value: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  const rest: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) if (!keys.includes(key)) rest[key] = item;
  return rest;
}
