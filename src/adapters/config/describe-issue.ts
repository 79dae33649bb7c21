// Says in our words what a schema found wrong, without repeating values that may be secret.

import type { z } from "zod";
import { quote, type KeyPath } from "./key-path.ts";
import { nearestName } from "../../domain/nearest-name.ts";
import { suggestName } from "./problem-list.ts";
import { isSecret, knownKeys } from "./schema-shape.ts";

type Issue = z.core.$ZodIssue;

export interface Finding {
  readonly path: KeyPath;
  readonly at: "key" | "value";
  readonly message: string;
  readonly hint?: string;
}

export interface Subject {
  readonly schema: z.core.$ZodType;
  /** The whole value that was checked, and what it is called. */
  readonly input: unknown;
  readonly name: string;
  /** What the file calls a key of the settings. */
  fileKey(key: string): string;
  /** Whether the value at a path may be shown. */
  isOpen(path: KeyPath): boolean;
}

export function describeIssue(issue: Issue, subject: Subject): readonly Finding[] {
  const { schema, input, isOpen } = subject;
  const path = issue.path as KeyPath;
  const value = valueAt(input, path);
  const name = nameOf(path, subject);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys(schema, path).map((key) => (path.length === 0 ? subject.fileKey(key) : key));
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: "key" as const,
        message: `unknown key ${quote(key)}`,
        hint: suggestName(key, known),
      }));
    }
    case "invalid_union":
      return describeUnion(issue, subject);
    case "invalid_type":
      if (value === undefined) return [{ path, at: "key", message: `the key ${quote(name)} is missing` }];
      return [
        {
          path,
          at: "value",
          message: `${name} must be ${withArticle(issue.expected)}, not ${kindOf(value)}`,
          ...(issue.expected === "string" && isScalar(value) ? { hint: "put it in quotes" } : {}),
          ...(value === null ? { hint: "give it a value or remove the key" } : {}),
        },
      ];
    case "invalid_value": {
      if (value === undefined) return [{ path, at: "key", message: `the key ${quote(name)} is missing` }];
      const allowed = issue.values.map(String);
      const shownValue = typeof value === "string" && isOpen(path) && !isSecret(schema) ? value : undefined;
      const shown = shownValue === undefined ? "" : `, not ${quote(shownValue)}`;
      const near = shownValue === undefined ? undefined : nearestName(shownValue, allowed);
      return [
        {
          path,
          at: "value",
          message: `${name} must be ${allowed.length === 1 ? allowed[0]! : `one of ${allowed.join(", ")}`}${shown}`,
          ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
        },
      ];
    }
    case "too_small":
      return [
        { path, at: "value", message: sizeMessage(name, issue.origin, "at least", issue.minimum, issue.inclusive) },
      ];
    case "too_big":
      return [
        { path, at: "value", message: sizeMessage(name, issue.origin, "at most", issue.maximum, issue.inclusive) },
      ];
    case "invalid_key":
      return [{ path, at: "key", message: `the key ${quote(name)} is not allowed here` }];
    case "invalid_format":
      return [
        {
          path,
          at: "value",
          message:
            ownMessage(issue, name) ??
            `${name} does not have the form of ${issue.format === "url" ? "a URL" : "what is expected here"}`,
        },
      ];
    case "not_multiple_of":
      return [{ path, at: "value", message: `${name} must be a multiple of ${issue.divisor}` }];
    default:
      return [{ path, at: "value", message: ownMessage(issue, name) ?? `${name} is not valid` }];
  }
}

/** The branch that got furthest tells what is wrong; else the kinds that are accepted are listed. */
function describeUnion(issue: Extract<Issue, { code: "invalid_union" }>, subject: Subject): readonly Finding[] {
  const path = issue.path as KeyPath;
  const value = valueAt(subject.input, path);
  const name = nameOf(path, subject);
  if (value === undefined) return [{ path, at: "key", message: `the key ${quote(name)} is missing` }];
  const isOtherKind = (error: Issue): boolean =>
    error.path.length === 0 &&
    (error.code === "invalid_type" || (error.code === "invalid_value" && typeof value === "object"));
  const branches = issue.errors.filter((errors) => !errors.some(isOtherKind));
  if (branches.length > 0) {
    const best = branches.toSorted((a, b) => a.length - b.length)[0]!;
    return best.flatMap((inner) => describeIssue({ ...inner, path: [...path, ...inner.path] } as Issue, subject));
  }
  const kinds = issue.errors.flatMap((errors) =>
    errors.flatMap((error) => (error.code === "invalid_type" ? [withArticle(error.expected)] : [])),
  );
  const message =
    kinds.length > 0
      ? `${name} must be ${[...new Set(kinds)].join(" or ")}, not ${kindOf(value)}`
      : `${name} is not valid`;
  return [{ path, at: "value", message }];
}

/** The last word of the path; items of a list are called by the list. */
function nameOf(path: KeyPath, subject: Subject): string {
  const last = path.at(-1);
  if (last === undefined) return subject.name;
  return typeof last === "string" ? last : `${nameOf(path.slice(0, -1), subject)}[${last}]`;
}

/** A schema's own message begins in lower case, the library's in upper case. `must …` speaks of the key. */
function ownMessage(issue: Issue, name: string): string | undefined {
  if (issue.message.startsWith("must ")) return `${name} ${issue.message}`;
  return /^[a-z_]/.test(issue.message) ? issue.message : undefined;
}

function sizeMessage(
  name: string,
  origin: string,
  bound: string,
  limit: number | bigint,
  inclusive: boolean | undefined,
): string {
  const more = inclusive === false ? (bound === "at least" ? "more than" : "less than") : bound;
  if (origin === "string")
    return limit === 1 && bound === "at least"
      ? `${name} must not be empty`
      : `${name} must have ${more} ${limit} characters`;
  if (origin === "array" || origin === "set")
    return limit === 1 && bound === "at least"
      ? `${name} must not be empty`
      : `${name} must have ${more} ${limit} entries`;
  return `${name} must be ${more} ${limit}`;
}

export function valueAt(input: unknown, path: KeyPath): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  null: "empty",
};

function withArticle(expected: string): string {
  return kinds[expected] ?? article(expected);
}

function article(word: string): string {
  return `${/^[aeiou]/i.test(word) ? "an" : "a"} ${word}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" && !Number.isInteger(value)) return "a fraction";
  return kinds[typeof value] ?? article(typeof value);
}

function isScalar(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean";
}
