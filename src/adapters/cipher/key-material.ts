// What opens a backup: a raw key of 256 bits (from a key file), or a password that has to be stretched.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { AppError } from "../../domain/error.ts";

export type KeyMaterial =
  | { readonly kind: "raw"; readonly key: Uint8Array }
  | { readonly kind: "password"; readonly password: string };

export const rawKeyBytes = 32;
const checkBytes = 4;
const tokenPrefix = "bkk1_";
const tokenPattern = /^bkk1_[A-Za-z0-9_-]{48}$/;
const maxKeyFileBytes = 64 * 1024;

/** The text form of a raw key; four bytes of check sum at its end find a slip of the pen. */
export function formatKeyToken(key: Uint8Array): string {
  return tokenPrefix + Buffer.concat([key, keyCheck(key)]).toString("base64url");
}

/** Throws `cipher_failed` for a text that is meant to be a key but is not one; undefined for any other text. */
export function parseKeyToken(text: string): Uint8Array | undefined {
  const token = text.replaceAll(/\s/g, "");
  if (!token.startsWith(tokenPrefix)) return undefined;
  const bytes = Buffer.from(token.slice(tokenPrefix.length), "base64url");
  const key = bytes.subarray(0, rawKeyBytes);
  if (!tokenPattern.test(token) || !keyCheck(key).equals(bytes.subarray(rawKeyBytes))) {
    throw new AppError("cipher_failed", "the key that begins with bkk1_ has a typing error or is incomplete", {
      hint: "compare it with the recovery kit, character by character",
    });
  }
  return Uint8Array.from(key);
}

function keyCheck(key: Uint8Array): Buffer {
  return createHash("sha256").update("backupctl key").update(key).digest().subarray(0, checkBytes);
}

/** A secret from the configuration or the environment: a key in its text form, else a password. */
export function toKeyMaterial(secret: string): KeyMaterial {
  const key = parseKeyToken(secret);
  return key === undefined ? { kind: "password", password: secret } : { kind: "raw", key };
}

export interface KeyFile {
  /** New backups are sealed with it. */
  readonly key: Uint8Array;
  /** Those before it, newest first: they open older backups. */
  readonly retired: readonly Uint8Array[];
}

/** The first line that is neither empty nor a comment is the key; keys after it are retired. */
export function parseKeyFile(text: string, path: string): KeyFile {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const [key, ...others] = lines.map(parseKeyToken);
  if (key === undefined) {
    throw new AppError("cipher_failed", `key file ${path} holds no key`, {
      hint: "make one with `backupctl key generate`, or take the line that begins with bkk1_ from a recovery kit",
    });
  }
  return { key, retired: others.filter((other) => other !== undefined) };
}

/** The lines of a key file that a key made now begins with; `parseKeyFile` reads them back. */
export function keyFileLines(keyId: string, token: string, madeAt: string): readonly string[] {
  return [
    `# backupctl key ${keyId}, made ${madeAt}`,
    "# Without it nobody can open the backups that were sealed with it. Keep a copy elsewhere:",
    "# backupctl key recovery-kit",
    token,
    "",
  ];
}

/** Throws `cipher_failed` when it cannot be read or holds no key. */
export async function readKeyFile(path: string): Promise<KeyFile> {
  let text: string;
  try {
    const { size } = await stat(path);
    text = size > maxKeyFileBytes ? "" : await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("cipher_failed", `key file ${path} cannot be read`, {
      hint: "check the path, and that this user may read it",
      cause: error,
    });
  }
  return parseKeyFile(text, path);
}
