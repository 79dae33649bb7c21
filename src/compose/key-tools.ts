// What the `key` commands use.

import { hostname } from "node:os";
import { AppError } from "../domain/error.ts";
import type { Configuration } from "../domain/project/project.ts";
import type { KeyTools } from "../cli/context.ts";
import { loadRegistries } from "./registries.ts";

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
    async list(configuration) {
      return (await listAll(configuration)).map(({ keyId, scheme, usedBy }) => ({ keyId, scheme, usedBy }));
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
