// Collects every problem of a configuration, each at its place in the file or the environment.

import type { ConfigProblem } from "../../domain/project/project.ts";
import type { Environment } from "./environment.ts";
import { formatKeyPath, pathKey, type KeyPath } from "./key-path.ts";
import { nearestName } from "../../domain/nearest-name.ts";
import type { Place, YamlTree } from "./yaml-tree.ts";

export interface Located {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

/** Finds where a path below one block of settings was written. */
export interface Locator {
  /** What the block is called: its own key. */
  readonly name: string;
  /** What the file calls a key of the settings. */
  fileKey(key: string): string;
  /** `key`: where the name stands; `value`: what is behind it; an absent key is placed at the mapping that lacks it. */
  locate(path: KeyPath, at: "key" | "value"): Located;
  /** Variables whose values went into the text at the path. */
  variablesOf(path: KeyPath): readonly string[];
}

export interface ProblemList {
  readonly problems: readonly ConfigProblem[];
  readonly hasErrors: boolean;
  add(problem: ConfigProblem): void;
  error(where: Located, message: string, hint?: string): void;
  warning(where: Located, message: string, hint?: string): void;
}

export function createProblemList(): ProblemList {
  const problems = new Map<string, ConfigProblem>();
  const add = (problem: ConfigProblem): void => {
    const key = JSON.stringify([problem.file, problem.line, problem.column, problem.path, problem.message]);
    if (!problems.has(key)) problems.set(key, problem);
  };
  const addAt = (severity: ConfigProblem["severity"], where: Located, message: string, hint?: string): void =>
    add({ severity, ...where, message, ...(hint === undefined ? {} : { hint }) });
  return {
    get problems() {
      return [...problems.values()].toSorted(byPlace);
    },
    get hasErrors() {
      return [...problems.values()].some(({ severity }) => severity === "error");
    },
    add,
    error: (where, message, hint) => addAt("error", where, message, hint),
    warning: (where, message, hint) => addAt("warning", where, message, hint),
  };
}

function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** The sentence that suggests what was meant, or lists what there is. */
export function suggestName(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return known.length === 0 ? "nothing is known here" : `known here: ${known.slice(0, 40).join(", ")}`;
}

export interface FileLocatorRequest {
  readonly file: string;
  readonly tree: YamlTree;
  /** Where the block stands in the file. */
  readonly at: KeyPath;
  /** Turns a key of the settings into the file's key where they differ. */
  readonly rename?: Readonly<Record<string, string>>;
}

export function fileLocator({ file, tree, at, rename = {} }: FileLocatorRequest): Locator {
  const fileKey = (key: string): string => (Object.hasOwn(rename, key) ? rename[key]! : key);
  const full = ([first, ...rest]: KeyPath): KeyPath =>
    first === undefined ? at : [...at, typeof first === "string" ? fileKey(first) : first, ...rest];
  const label = at.findLastIndex((part) => typeof part === "string");
  return {
    fileKey,
    name: label === -1 ? "the file" : formatKeyPath(at.slice(label)),
    locate(path, which) {
      const place = findPlace(tree, full(path), which);
      return { file, line: place.line, column: place.column, path: formatKeyPath(full(path)) };
    },
    variablesOf: (path) => tree.variables.get(pathKey(full(path))) ?? [],
  };
}

function findPlace(tree: YamlTree, path: KeyPath, which: "key" | "value"): Place {
  const own = which === "key" ? [tree.keys, tree.values] : [tree.values, tree.keys];
  for (const places of own) {
    const place = places.get(pathKey(path));
    if (place !== undefined) return place;
  }
  for (let length = path.length - 1; length >= 0; length -= 1) {
    const key = pathKey(path.slice(0, length));
    const place = tree.keys.get(key) ?? tree.values.get(key);
    if (place !== undefined) return place;
  }
  return { line: 1, column: 1 };
}

/** For settings that come from variables: `names` gives the variable of each key. */
export function environmentLocator(environment: Environment, names: Readonly<Record<string, string>>): Locator {
  const variableOf = (path: KeyPath): string => names[String(path[0])] ?? Object.values(names)[0] ?? "";
  return {
    name: variableOf([]),
    fileKey: (key) => names[key] ?? key,
    locate: (path) => ({ ...environment.place(variableOf(path)), path: variableOf(path) }),
    variablesOf: (path) => [variableOf(path)],
  };
}
