// Looks into Zod schemas: which keys a place knows, and which of its texts are secret.

import { z } from "zod";
import type { KeyPath } from "./key-path.ts";

type Schema = z.core.$ZodType;

/** The schemas a value may be checked by, with optional, default and similar wrappers taken off. */
function alternatives(schema: Schema): readonly Schema[] {
  const def = schema._zod.def as unknown as Record<string, unknown> & { type: string };
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return alternatives(def["innerType"] as Schema);
    case "pipe":
      return [def["in"] as Schema, def["out"] as Schema].flatMap(alternatives);
    case "lazy":
      return alternatives((def["getter"] as () => Schema)());
    case "union":
      return (def["options"] as Schema[]).flatMap(alternatives);
    case "intersection":
      return [def["left"] as Schema, def["right"] as Schema].flatMap(alternatives);
    default:
      return [schema];
  }
}

function children(schema: Schema, part: string | number): readonly Schema[] {
  return alternatives(schema).flatMap((one) => {
    const def = one._zod.def as unknown as Record<string, unknown> & { type: string };
    if (def.type === "object") {
      const shape = def["shape"] as Record<string, Schema>;
      const child = Object.hasOwn(shape, part) ? shape[String(part)] : (def["catchall"] as Schema | undefined);
      return child === undefined ? [] : [child];
    }
    if (def.type === "record") return [def["valueType"] as Schema];
    if (def.type === "array") return [def["element"] as Schema];
    return [];
  });
}

/** Keys that the mapping at `path` may have. */
export function knownKeys(schema: Schema, path: KeyPath): readonly string[] {
  let schemas: readonly Schema[] = [schema];
  for (const part of path) schemas = schemas.flatMap((one) => children(one, part as string | number));
  const keys = schemas.flatMap(alternatives).flatMap((one) => {
    const def = one._zod.def as unknown as Record<string, unknown> & { type: string };
    return def.type === "object" ? Object.keys(def["shape"] as object) : [];
  });
  return [...new Set(keys)];
}

/** `.meta({ secret: true })` on the schema or on anything it wraps. */
export function isSecret(schema: Schema): boolean {
  if (z.globalRegistry.get(schema)?.["secret"] === true) return true;
  const def = schema._zod.def as unknown as Record<string, unknown> & { type: string };
  const inner = [def["innerType"], def["in"], def["out"], ...((def["options"] as Schema[] | undefined) ?? [])];
  return inner.some((one) => one !== undefined && isSecret(one as Schema));
}

export interface SecretText {
  readonly path: KeyPath;
  readonly value: string;
  /** False for an open text, as an address, with a password in it. */
  readonly whole: boolean;
}

const urlPassword = /[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]*:[^\s/?#@]+@/i;
const secretName =
  /pass(word|phrase)?$|secret|token|credential|api_?key|access_?key|private_?key$|authorization|cookie/i;

/**
 * Every text below `value` that the schema calls secret, or that is a URL with a password in it. Without a schema
 * (a technology that this build does not have) the names of the keys decide.
 */
export function findSecrets(
  schema: Schema | undefined,
  value: unknown,
  path: KeyPath = [],
  inherited = false,
): SecretText[] {
  // A block that is left open here is looked at by the schema that owns it.
  if (schema?._zod.def.type === "unknown") return [];
  const secret =
    inherited || (schema !== undefined && isSecret(schema)) || (schema === undefined && hasSecretName(path));
  if (typeof value === "string")
    return value !== "" && (secret || urlPassword.test(value)) ? [{ path, value, whole: secret }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => below(schema, item, [...path, index], secret));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => below(schema, item, [...path, key], secret));
}

function below(schema: Schema | undefined, value: unknown, path: KeyPath, secret: boolean): SecretText[] {
  const schemas = schema === undefined ? [undefined] : children(schema, path.at(-1)!);
  if (schemas.length === 0) return findSecrets(undefined, value, path, secret);
  const found = schemas.flatMap((one) => findSecrets(one, value, path, secret));
  return [...new Map(found.map((text) => [JSON.stringify(text.path), text])).values()];
}

/** A key whose name says that it holds a secret: `password`, `access_key`, `Authorization`. */
export function hasSecretName(path: KeyPath): boolean {
  const name = path.findLast((part) => typeof part === "string");
  return name !== undefined && secretName.test(String(name));
}
