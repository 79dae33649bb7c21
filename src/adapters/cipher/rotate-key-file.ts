// Gives a key file a new first key. The old ones stay behind it, so that no backup loses its key; the file is replaced whole, so that
// a crash leaves either the old file or the new one, and a new key is only ever used when it lies safely in the file.

import { randomBytes } from "node:crypto";
import { open, readdir, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../domain/error.ts";
import { crashAt } from "../process/crash-point.ts";
import { keyIdOf } from "./derive-keys.ts";
import { formatKeyToken, keyFileLines, parseKeyFile, rawKeyBytes } from "./key-material.ts";

export interface RotatedKey {
  readonly path: string;
  readonly keyId: string;
  /** The one that was in use, and those before it. */
  readonly retired: readonly string[];
}

const temporaryPart = ".rotate-";

/** The caller holds a lock: two at once would lose one of the new keys. Throws `cipher_failed`. */
export async function rotateKeyFile(path: string): Promise<RotatedKey> {
  const file = await realpath(path).catch((cause: unknown) => {
    throw unusable(path, cause);
  });
  const text = await readFile(file, "utf8");
  const { key, retired } = parseKeyFile(text, path);
  await removeLeftovers(file);
  const token = formatKeyToken(Uint8Array.from(randomBytes(rawKeyBytes)));
  const keyId = await keyIdOf(token);
  const now = new Date().toISOString();
  const head = [...keyFileLines(keyId, token, now), `# retired ${now}; it opens older backups`];
  try {
    await replaceFile(file, `${head.join("\n")}\n${text.endsWith("\n") ? text : `${text}\n`}`);
  } catch (cause) {
    throw unusable(path, cause);
  }
  crashAt("key.rotated");
  const ids = [key, ...retired].map(async (old) => keyIdOf(formatKeyToken(old)));
  return { path, keyId, retired: await Promise.all(ids) };
}

async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}${temporaryPart}${randomBytes(6).toString("hex")}`;
  const { mode, uid, gid } = await stat(file);
  const written = await open(temporary, "wx", 0o600);
  try {
    await written.writeFile(text);
    await written.chmod(mode & 0o700);
    await written.chown(uid, gid).catch(() => {});
    await written.sync();
    await written.close();
    crashAt("key.new_written");
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  const folder = await open(dirname(file), "r");
  await folder.sync();
  await folder.close();
}

/** Of a rotation that was killed: their keys were never in use. */
async function removeLeftovers(file: string): Promise<void> {
  const folder = dirname(file);
  for (const name of await readdir(folder))
    if (name.startsWith(basename(file) + temporaryPart)) await unlink(join(folder, name)).catch(() => {});
}

function unusable(path: string, cause: unknown): AppError {
  const errno = (cause as NodeJS.ErrnoException).code ?? "unusable";
  return new AppError("cipher_failed", `key file ${path} cannot be replaced: ${errno}`, {
    hint: "the old key stays in use; the file and its directory must be writable (a mounted secret is not: change it at its origin)",
    cause,
  });
}
