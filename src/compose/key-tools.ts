// What the `key` commands use.

import { hostname } from "node:os";
import { join } from "node:path";
import { AppError } from "../domain/error.ts";
import type { Configuration, Project, Settings } from "../domain/project/project.ts";
import type { KeyTools } from "../cli/context.ts";
import { importKey, importKeyDirectory } from "./import-keys.ts";
import { findDefinition, loadRegistries } from "./registries.ts";

/** Passwords and ENCRYPTION_KEY belong to whoever set them: we change no configuration and no environment. */
async function keyFileToRotate(settings: Settings, project: Project | null): Promise<string> {
  if (project === null) return installationKeyFile(settings);
  const { name, encryption } = project;
  if (encryption === null) {
    throw new AppError("usage", `project ${name} is not encrypted`, { hint: "its encryption block turns it on" });
  }
  const { ciphers } = await loadRegistries();
  const origin = findDefinition(ciphers, "encryption", encryption.type).keyOrigin?.(encryption.settings);
  switch (origin?.kind) {
    case "file":
      return origin.path;
    case "installation":
      throw new AppError("usage", `project ${name} uses the installation's key`, {
        hint: "backupctl key rotate without --project changes it for every project that uses it",
      });
    case "password":
      throw new AppError("unsupported", `the password of project ${name} is changed in the configuration`, {
        hint: "move it into previous_passwords, set a new one, and look at backupctl key list",
      });
    default:
      throw new AppError("unsupported", `the keys of ${encryption.type} are made by a tool of its own`, {
        hint: `set the new recipient of project ${name} in the configuration, and keep the old private key`,
      });
  }
}

function installationKeyFile({ encryptionKey, encryptionKeyFile }: Settings): string {
  if (encryptionKey === null) return encryptionKeyFile;
  throw new AppError("unsupported", "the installation's key is ENCRYPTION_KEY, which is changed in the environment", {
    hint: "move its value into ENCRYPTION_KEY_PREVIOUS, set a new ENCRYPTION_KEY, and look at backupctl key list",
  });
}

export function keyTools(version: string): KeyTools {
  async function listAll(configuration: Configuration) {
    const [{ listKeys }, { defaultKeyOf }, { ciphers }] = await Promise.all([
      import("../adapters/cipher/list-keys.ts"),
      import("../adapters/cipher/key-store.ts"),
      loadRegistries(),
    ]);
    const { settings, projects } = configuration;
    const users = projects.flatMap(({ name, encryption }) =>
      encryption === null ? [] : [{ name: `project ${name}`, encryption }],
    );
    return listKeys(users, ciphers, { tmpDir: settings.tmpDir, tools: settings.tools, ...defaultKeyOf(settings) });
  }
  return {
    async generate(path) {
      const { createKeyFile } = await import("../adapters/cipher/key-store.ts");
      return createKeyFile(path);
    },
    importKey,
    importDirectory: importKeyDirectory,
    async list(configuration) {
      return (await listAll(configuration)).map(({ keyId, scheme, usedBy, retired }) => {
        return { keyId, scheme, usedBy, isActive: retired !== true };
      });
    },
    async rotate({ settings }, project) {
      const path = await keyFileToRotate(settings, project);
      const { rotateKeyFile } = await import("../adapters/cipher/rotate-key-file.ts");
      const { openFileLock } = await import("../adapters/lock/file/index.ts");
      // Beside the projects' own locks, in a place where no project is.
      const lock = openFileLock({ baseDir: join(settings.baseDir, ".backupctl") });
      await using _held = await lock.acquire("keys", "key rotate");
      return await rotateKeyFile(path);
    },
    async writeRecoveryKit(configuration, storages, file) {
      const [{ formatRecoveryKit }, { default: decryptScript }, { writeFile }] = await Promise.all([
        import("../adapters/cipher/recovery-kit.ts"),
        import("../../scripts/decrypt-backup.mjs", { with: { type: "text" } }),
        import("node:fs/promises"),
      ]);
      const keys = await listAll(configuration);
      const createdAt = new Date().toISOString();
      const kit = formatRecoveryKit({
        createdAt,
        host: hostname(),
        version,
        keys,
        storages,
        decryptScript: String(decryptScript),
      });
      await writeFile(file, kit, { mode: 0o600, flag: "wx" }).catch((cause: unknown) => {
        const error = cause as NodeJS.ErrnoException;
        throw new AppError(
          error.code === "EEXIST" ? "object_exists" : "storage_failed",
          `${file} cannot be written (${error.code})`,
          {
            hint: "name a file that does not exist, in a directory that does",
            cause: error,
          },
        );
      });
    },
  };
}
