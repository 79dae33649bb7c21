// Checks one block of the configuration against a schema and notes what is wrong, where, and which texts are secret.

import type { z } from "zod";
import { describeIssue, valueAt } from "./describe-issue.ts";
import type { KeyPath } from "./key-path.ts";
import type { Locator, ProblemList } from "./problem-list.ts";
import { findSecrets, hasSecretName } from "./schema-shape.ts";
import { unresolved } from "./yaml-tree.ts";

/** What the whole loading shares. */
export interface Loading {
  readonly problems: ProblemList;
  /** Values for redaction. */
  readonly secrets: Set<string>;
  findVariable(name: string): string | undefined;
}

/** The checked value; undefined after problems were noted. */
export function checkBlock<T>(loading: Loading, schema: z.ZodType<T>, value: unknown, locator: Locator): T | undefined {
  noteSecrets(loading, schema, value, locator);
  let result = schema.safeParse(value);
  if (!result.success) {
    const converted = convertVariables(value, result.error.issues, locator);
    if (converted !== undefined) result = schema.safeParse(converted);
  }
  if (result.success) return result.data;
  const isOpen = (path: KeyPath): boolean => locator.variablesOf(path).length === 0 && !hasSecretName(path);
  for (const issue of result.error.issues) {
    for (const { path, at, message, hint } of describeIssue(issue, {
      schema,
      input: value,
      name: locator.name,
      fileKey: locator.fileKey,
      isOpen,
    })) {
      if (valueAt(value, path) === unresolved) continue;
      loading.problems.error(locator.locate(path, at), message, hint);
    }
  }
  return undefined;
}

/** `port: "${PORT}"` is a text; where a number or a truth value is wanted it is read as one. */
function convertVariables(value: unknown, issues: readonly z.core.$ZodIssue[], locator: Locator): unknown {
  let copy: unknown;
  for (const issue of issues) {
    const path = issue.path as KeyPath;
    const text = valueAt(value, path);
    if (typeof text !== "string" || locator.variablesOf(path).length === 0) continue;
    const typed = readScalar(text.trim(), expectedKinds(issue));
    if (typed === undefined) continue;
    copy = replaceAt(copy ?? value, path, typed);
  }
  return copy;
}

function replaceAt(value: unknown, path: KeyPath, replacement: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return replacement;
  if (Array.isArray(value))
    return value.map((item, index) => (index === part ? replaceAt(item, rest, replacement) : item));
  const map = value as Record<string, unknown>;
  return { ...map, [part]: replaceAt(map[String(part)], rest, replacement) };
}

function expectedKinds(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === "invalid_type") return [issue.expected];
  if (issue.code !== "invalid_union") return [];
  return issue.errors.flatMap((errors) =>
    errors.flatMap((error) => (error.code === "invalid_type" && error.path.length === 0 ? [error.expected] : [])),
  );
}

function readScalar(text: string, kinds: readonly string[]): number | boolean | undefined {
  if (kinds.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  const numeric = kinds.includes("number") || kinds.includes("int");
  return numeric && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** Notes secrets for redaction, and warns of those that stand in the file itself. */
export function noteSecrets(
  loading: Loading,
  schema: z.core.$ZodType | undefined,
  value: unknown,
  locator: Locator,
): void {
  for (const secret of findSecrets(schema, value)) {
    const variables = locator.variablesOf(secret.path);
    addSecret(loading.secrets, secret.value, secret.whole);
    const passwords = secret.whole ? null : passwordsOf(secret.value);
    for (const name of variables) {
      const part = loading.findVariable(name) ?? "";
      if (passwords === null || passwords.includes(part)) addSecret(loading.secrets, part, true);
    }
    if (variables.length > 0 || isPlainHeader(secret.path)) continue;
    loading.problems.warning(
      locator.locate(secret.path, "value"),
      secret.whole
        ? `${String(secret.path.at(-1))} is a secret that stands in the file itself`
        : `${String(secret.path.at(-1))} contains a password that stands in the file itself`,
      "move it to .env and write ${NAME} here",
    );
  }
}

/** A header such as Content-Type is masked like the others, but nobody has to move it to `.env`. */
function isPlainHeader(path: KeyPath): boolean {
  return path.at(-2) === "headers" && !hasSecretName(path);
}

/** Adds a secret in the forms in which a message may repeat it: itself, the password and the path of a URL. */
export function addSecret(secrets: Set<string>, value: string, whole = true): void {
  if (value === "") return;
  for (const password of passwordsOf(value)) secrets.add(password);
  if (!whole) return;
  secrets.add(value);
  if (!/^https?:/i.test(value) || !URL.canParse(value)) return;
  const { pathname, search } = new URL(value);
  for (const part of [pathname, pathname + search]) if (part.length > 8) secrets.add(part);
}

/** The password of a URL, as written and decoded. */
function passwordsOf(url: string): readonly string[] {
  const password = /^[a-z][a-z0-9+.:-]*:\/\/[^\s/?#:]*:([^\s/?#]*)@/i.exec(url)?.[1] ?? "";
  if (password === "") return [];
  try {
    return [...new Set([password, decodeURIComponent(password)])];
  } catch {
    return [password]; // not percent-encoded: it is the password as it stands
  }
}
