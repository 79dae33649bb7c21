// Public keys into the keyrings that the configuration's projects use.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, toAppError } from "../domain/error.ts";
import type { Configuration } from "../domain/project/project.ts";
import type { LogSink } from "../usecases/deps.ts";
import { findDefinition, loadRegistries } from "./registries.ts";

export async function importKey({ projects }: Configuration, scheme: string, file: string) {
  const definition = findDefinition((await loadRegistries()).ciphers, "encryption", scheme);
  const { importKey: importInto } = await definition.load();
  if (importInto === undefined) throw new AppError("unsupported", `${scheme} has no keyring`);
  const used = projects.flatMap(({ encryption }) => (encryption?.type === scheme ? [encryption.settings] : []));
  let keys: Awaited<ReturnType<typeof importInto>> = [];
  for (const settings of used.length === 0 ? [definition.config.parse({})] : used) {
    keys = await importInto(settings, file);
  }
  return keys;
}

/** GPG_KEYS_DIR, at every start; a file that is no public key is told of and passed over. */
export async function importKeyDirectory(configuration: Configuration, log: LogSink): Promise<void> {
  const { gpgKeysDir } = configuration.settings;
  if (gpgKeysDir === undefined) return;
  try {
    const names = (await readdir(gpgKeysDir)).filter((name) => /\.(gpg|asc)$/.test(name)).toSorted();
    for (const name of names) {
      try {
        const keys = await importKey(configuration, "gpg", join(gpgKeysDir, name));
        log("debug", `keys of ${name}: ${keys.map(({ fingerprint }) => fingerprint).join(", ")}`);
      } catch (error) {
        log("warn", `GPG_KEYS_DIR: ${toAppError(error).message}`);
      }
    }
  } catch (error) {
    log("warn", `GPG_KEYS_DIR ${gpgKeysDir} cannot be read: ${toAppError(error).message}`);
  }
}
