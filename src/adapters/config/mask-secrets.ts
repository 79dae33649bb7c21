// Hides secrets in settings that are shown: by what the technology's schema says, and by value wherever else they are.

import type { z } from "zod";
import { findSecrets, hasSecretName } from "./schema-shape.ts";
import { formatKeyPath, type KeyPath } from "./key-path.ts";

export const mask = "********";

/** Shorter ones would blank out ordinary words; where the schema or the key's name says secret, length does not count. */
const shortestByValue = 4;

export function maskText(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of secrets) if (secret.length >= shortestByValue) masked = masked.replaceAll(secret, mask);
  return masked;
}

/** `schema` undefined: the names of the keys decide. */
export function maskSettings(schema: z.core.$ZodType | undefined, value: unknown, secrets: readonly string[]): unknown {
  const hidden = new Set(findSecrets(schema, value).flatMap(({ path, whole }) => (whole ? [formatKeyPath(path)] : [])));
  const walk = (item: unknown, path: KeyPath): unknown => {
    if (typeof item === "string") {
      const isHidden = hidden.has(formatKeyPath(path)) || (hasSecretName(path) && secrets.includes(item));
      return isHidden ? mask : maskText(maskUrlPassword(item), secrets);
    }
    if (Array.isArray(item)) return item.map((one, index) => walk(one, [...path, index]));
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, one]) => [key, walk(one, [...path, key])]));
  };
  return walk(value, []);
}

export function maskUrlPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*:)[^\s/?#@]+@/gi, `$1${mask}@`);
}
