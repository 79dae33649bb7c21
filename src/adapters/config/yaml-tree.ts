// Reads YAML into plain data together with the place of every key and value.
// Only mappings, lists, texts, numbers, booleans and null come out; tags never become objects or code.

import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, type Node, type Pair } from "yaml";
import { interpolate } from "./interpolate.ts";
import { pathKey, quote, type KeyPath } from "./key-path.ts";

export interface Place {
  readonly line: number; // 1-based
  readonly column: number; // 1-based
}

export interface YamlFault extends Place {
  readonly path: KeyPath;
  readonly message: string;
  readonly hint?: string;
}

export interface YamlTree {
  readonly value: unknown;
  readonly faults: readonly YamlFault[];
  /** Place of a key by `pathKey`; list items have none. */
  readonly keys: ReadonlyMap<string, Place>;
  readonly values: ReadonlyMap<string, Place>;
  /** Variables whose values went into the text at a path. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
}

export interface YamlRequest {
  readonly text: string;
  find(variable: string): string | undefined;
  /** Paths below which `${VAR}` is left alone. */
  isLiteral(path: KeyPath): boolean;
}

/** Stands for a value with a fault that has been told, as an unset variable; nothing else is said about it. */
export const unresolved = Symbol("unresolved");

export const yamlLimits = { bytes: 2 * 1024 * 1024, nodes: 100_000, depth: 40 } as const;

const syntaxHints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "indent with spaces",
  MULTIPLE_DOCS: "keep one document per file, without a second ---",
  BAD_SCALAR_START: "put the value in quotes",
  BLOCK_AS_IMPLICIT_KEY: "put a value that contains a colon in quotes",
};

/** Ends the reading of a file that is too large to be a configuration. */
class TreeLimit extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

interface Reading {
  readonly request: YamlRequest;
  readonly faults: YamlFault[];
  readonly keys: Map<string, Place>;
  readonly values: Map<string, Place>;
  readonly variables: Map<string, readonly string[]>;
  /** The latest node of each anchor: looking one up must not walk the document. */
  readonly anchors: Map<string, Node>;
  nodes: number;
  placeAt(offset: number): Place;
}

export function readYamlTree(request: YamlRequest): YamlTree {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults: YamlFault[] = [];
  const found = {
    faults,
    keys: new Map<string, Place>(),
    values: new Map<string, Place>(),
    variables: new Map<string, readonly string[]>(),
  };
  try {
    const text = request.text.replace(/^\uFEFF/, "");
    const document = parseDocument(text, {
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      version: "1.2",
    });
    for (const error of [...document.errors, ...document.warnings]) {
      const hint = syntaxHints[error.code];
      faults.push({
        path: [],
        ...placeAt(error.pos[0]),
        message: plainMessage(error.message),
        ...(hint === undefined ? {} : { hint }),
      });
    }
    const reading: Reading = { request, ...found, anchors: new Map(), nodes: 0, placeAt };
    const value = faults.length > 0 ? undefined : readNode(reading, document.contents, []);
    return { value, ...found };
  } catch (error) {
    // The parser recurses: a flood of brackets arrives as a RangeError.
    if (!(error instanceof TreeLimit) && !(error instanceof RangeError)) throw error;
    const offset = error instanceof TreeLimit ? error.offset : 0;
    const message = error instanceof TreeLimit ? error.message : "the file is nested too deeply";
    faults.push({
      path: [],
      ...placeAt(offset),
      message,
      hint: "a configuration is small: remove nesting and aliases",
    });
    return { value: undefined, ...found };
  }
}

function plainMessage(message: string): string {
  const line = message
    .split("\n", 1)[0]!
    .slice(0, 160)
    .replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return (line.charAt(0).toLowerCase() + line.slice(1)).replace(/[.:]$/, "");
}

function readNode(reading: Reading, node: unknown, path: KeyPath): unknown {
  const offset = (node as Node | null)?.range?.[0] ?? 0;
  reading.nodes += 1;
  if (reading.nodes > yamlLimits.nodes)
    throw new TreeLimit(`the file has more than ${yamlLimits.nodes} values`, offset);
  if (path.length > yamlLimits.depth) throw new TreeLimit("the file is nested too deeply", offset);
  if (node === null || node === undefined) return null;
  if (isAlias(node)) {
    const target = reading.anchors.get(node.source);
    if (target !== undefined) return readNode(reading, target, path);
    fault(reading, path, offset, `the alias *${node.source} has no anchor`, "define it before with &");
    return unresolved;
  }
  const anchor = (node as { anchor?: string }).anchor;
  if (anchor !== undefined) reading.anchors.set(anchor, node as Node);
  if (!reading.values.has(pathKey(path))) reading.values.set(pathKey(path), reading.placeAt(offset));
  if (isMap(node)) return readMap(reading, node.items, path);
  if (isSeq(node)) return node.items.map((item, index) => readNode(reading, item, [...path, index]));
  if (isScalar(node)) return readScalar(reading, node.value, path, offset);
  return null;
}

function readMap(reading: Reading, pairs: readonly Pair[], path: KeyPath): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  const merged: Pair[] = [];
  for (const pair of pairs) {
    const offset = (pair.key as Node | null)?.range?.[0] ?? 0;
    if (!isScalar(pair.key)) {
      fault(reading, path, offset, "a key is not a plain text", "keys are words, as name or host");
      continue;
    }
    const key = String(pair.key.value);
    const keyPath = [...path, key];
    if (key === "<<") {
      merged.push(pair);
    } else if (key === "__proto__") {
      fault(reading, keyPath, offset, 'unknown key "__proto__"');
    } else if (Object.hasOwn(values, key)) {
      const first = reading.keys.get(pathKey(keyPath));
      fault(
        reading,
        keyPath,
        offset,
        `the key ${quote(key)} is given twice, first in line ${first?.line}`,
        "remove one of the two",
      );
    } else {
      reading.keys.set(pathKey(keyPath), reading.placeAt(offset));
      values[key] = readNode(reading, pair.value, keyPath);
    }
  }
  for (const pair of merged) mergeInto(reading, values, pair, path);
  return values;
}

/** `<<: *defaults`: keys of the mapping itself win. */
function mergeInto(reading: Reading, values: Record<string, unknown>, pair: Pair, path: KeyPath): void {
  const offset = (pair.key as Node).range?.[0] ?? 0;
  const sources = isSeq(pair.value) ? pair.value.items : [pair.value];
  for (const source of sources) {
    const map = isAlias(source) ? reading.anchors.get(source.source) : source;
    if (!isMap(map)) {
      fault(reading, path, offset, "<< does not name a mapping", "write <<: *anchor");
      continue;
    }
    const fresh = map.items.filter((item) => !(isScalar(item.key) && Object.hasOwn(values, String(item.key.value))));
    if (path.length >= yamlLimits.depth) throw new TreeLimit("the file is nested too deeply", offset);
    reading.nodes += fresh.length;
    Object.assign(values, readMap(reading, fresh, path));
  }
}

function readScalar(reading: Reading, value: unknown, path: KeyPath, offset: number): unknown {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value !== "string") {
    fault(reading, path, offset, "this kind of value is not supported", "write a text, a number, true or false");
    return unresolved;
  }
  if (reading.request.isLiteral(path) || !value.includes("${")) return value;
  const { text, variables, faults } = interpolate(value, reading.request.find);
  for (const { message, hint } of faults) fault(reading, path, offset, message, hint);
  if (variables.length > 0) reading.variables.set(pathKey(path), variables);
  // What could not be resolved must not raise follow-up errors about its content.
  return faults.length > 0 ? unresolved : text;
}

function fault(reading: Reading, path: KeyPath, offset: number, message: string, hint?: string): void {
  reading.faults.push({ path, ...reading.placeAt(offset), message, ...(hint === undefined ? {} : { hint }) });
}
