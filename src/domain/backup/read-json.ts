// Checks values that came from a JSON text; every refusal names the path of the bad field.

import { AppError } from "../error.ts";

/** Returns the value as what it must be, or throws `manifest_invalid`. */
export type Read<T> = (value: unknown, path: string) => T;

export function invalid(path: string, expected: string): AppError {
  return new AppError("manifest_invalid", `the manifest is invalid at ${path}: ${expected} expected`, {
    details: { path },
  });
}

export const maxTextLength = 65_536;

export const text: Read<string> = (value, path) => {
  if (typeof value !== "string" || value.length > maxTextLength) throw invalid(path, "a text");
  return value;
};

export function matching(pattern: RegExp, expected: string): Read<string> {
  return (value, path) => {
    if (typeof value !== "string" || value.length > maxTextLength || !pattern.test(value))
      throw invalid(path, expected);
    return value;
  };
}

/** A whole number that JavaScript holds exactly. */
export const count: Read<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw invalid(path, "a count");
  return value;
};

export const flag: Read<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw invalid(path, "true or false");
  return value;
};

export function oneOf<const T extends string | number>(allowed: readonly T[]): Read<T> {
  return (value, path) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw invalid(path, `one of ${allowed.join(", ")}`);
    return found;
  };
}

export function nullable<T>(read: Read<T>): Read<T | null> {
  return (value, path) => (value === null ? null : read(value, path));
}

export function list<T>(read: Read<T>, maxItems: number): Read<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > maxItems) throw invalid(path, `a list of at most ${maxItems}`);
    return value.map((item: unknown, index) => read(item, `${path}[${index}]`));
  };
}

export function fieldsOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(path, "an object");
  return value as Readonly<Record<string, unknown>>;
}

/** The named fields in the order of `reads`; others are left out. */
export function object<T extends object>(reads: { readonly [Key in keyof T]: Read<T[Key]> }): Read<T> {
  const entries = Object.entries(reads) as [string, Read<unknown>][];
  return (value, path) => {
    const fields = fieldsOf(value, path);
    const own = (name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);
    const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
    return Object.fromEntries(entries.map(([name, read]) => [name, read(own(name), at(name))])) as T;
  };
}
