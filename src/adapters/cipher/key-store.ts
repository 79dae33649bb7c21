// The installation's own key: ENCRYPTION_KEY, else a key file that is made on first use; and its salt for passwords.

import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { saltBytes } from "../../domain/backup/container-format.ts";
import { AppError } from "../../domain/error.ts";
import type { Settings } from "../../domain/project/project.ts";
import type { CipherAdapterContext, DefaultKey } from "./definition.ts";
import { keyIdOf } from "./derive-keys.ts";
import { formatKeyToken, keyFileLines, parseKeyToken, rawKeyBytes, readKeyFile } from "./key-material.ts";

export type KeyStoreSettings = Pick<
  Settings,
  "encryptionKey" | "previousEncryptionKeys" | "encryptionKeyFile" | "baseDir"
>;

const minEncryptionKeyLength = 32;

/** Spread into a cipher's context. Both are read when they are first asked for, and once. */
export function defaultKeyOf(
  settings: KeyStoreSettings,
): Required<Pick<CipherAdapterContext, "defaultKey" | "passwordSalt">> {
  let key: Promise<DefaultKey> | undefined;
  let salt: Promise<Uint8Array> | undefined;
  const passwordSalt = (): Promise<Uint8Array> => (salt ??= readOrMakeSalt(saltPath(settings)));
  const defaultKey = (): Promise<DefaultKey> =>
    (key ??= readSecrets(settings).then(async ([secret, ...previous]) => ({
      secret,
      keyId: await keyIdOf(secret, await passwordSalt()),
      previous,
    })));
  return { defaultKey, passwordSalt };
}

/** Of the salt that all passwords of the installation share. */
export function saltPath(settings: Pick<Settings, "baseDir">): string {
  return join(settings.baseDir, ".backupctl", "password-salt");
}

/** The one in use first, then those before it. */
async function readSecrets(settings: KeyStoreSettings): Promise<readonly [string, ...string[]]> {
  const { encryptionKey, encryptionKeyFile } = settings;
  const stated = (settings.previousEncryptionKeys ?? []).filter((secret) => secret !== encryptionKey);
  if (encryptionKey === null) return [...(await readOrMakeKeys(encryptionKeyFile)), ...stated];
  if (encryptionKey.length < minEncryptionKeyLength) {
    throw new AppError("config_invalid", `ENCRYPTION_KEY has ${encryptionKey.length} characters`, {
      hint: `use ${minEncryptionKeyLength} or more; \`backupctl key generate\` makes a good one`,
    });
  }
  // A key in its text form must be whole; a mere password is taken as it is.
  parseKeyToken(encryptionKey);
  // Whoever sets ENCRYPTION_KEY on an installation that had a key file still reads what was sealed with that.
  const fromFile = await readKeyFile(encryptionKeyFile).catch(() => null);
  const inFile = fromFile === null ? [] : [fromFile.key, ...fromFile.retired].map(formatKeyToken);
  return [encryptionKey, ...stated, ...inFile.filter((secret) => secret !== encryptionKey)];
}

async function readOrMakeKeys(path: string): Promise<readonly [string, ...string[]]> {
  if (!(await exists(path))) await createKeyFile(path).catch(ignoreExisting);
  const { key, retired } = await readKeyFile(path);
  return [formatKeyToken(key), ...retired.map(formatKeyToken)];
}

export interface CreatedKey {
  readonly path: string;
  readonly keyId: string;
}

/** `key generate`: never replaces a file. */
export async function createKeyFile(path: string): Promise<CreatedKey> {
  const token = formatKeyToken(Uint8Array.from(randomBytes(rawKeyBytes)));
  const keyId = await keyIdOf(token);
  await createFile(path, keyFileLines(keyId, token, new Date().toISOString()).join("\n"));
  return { path, keyId };
}

/** The salt is no secret. Where it cannot be kept, backups are as safe, only the key ids of passwords differ each time. */
async function readOrMakeSalt(path: string): Promise<Uint8Array> {
  const fresh = Uint8Array.from(randomBytes(saltBytes));
  try {
    if (!(await exists(path))) await createFile(path, `${Buffer.from(fresh).toString("hex")}\n`).catch(ignoreExisting);
    const text = (await readFile(path, "utf8")).trim();
    return /^[0-9a-f]{32}$/.test(text) ? Uint8Array.from(Buffer.from(text, "hex")) : fresh;
  } catch {
    return fresh;
  }
}

/** Whole or not at all, and never over another: two processes that start together end up with one file. */
async function createFile(path: string, text: string): Promise<void> {
  await makeDirectory(dirname(path));
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await link(temporary, path);
    const folder = await open(dirname(path), "r");
    await folder.sync();
    await folder.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new AppError("object_exists", `${path} exists already`, {
      hint: "move it away first, and keep it: older backups need it",
    });
  } finally {
    await unlink(temporary);
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new AppError(
      "cipher_failed",
      `the directory ${path} cannot be made (${(cause as NodeJS.ErrnoException).code})`,
      {
        hint: "every part of the path must be a directory, or be missing so that it can be made",
        cause,
      },
    );
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof AppError) || error.code !== "object_exists") throw error;
}
