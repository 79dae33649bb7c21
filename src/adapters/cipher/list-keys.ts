// `key list`: every key of the configuration, each once, with what it is used by.

import type { EncryptionSpec } from "../../domain/project/project.ts";
import { AppError } from "../../domain/error.ts";
import type { CipherAdapterContext, CipherDefinition, KeyDescription } from "./definition.ts";

export interface KeyUser {
  /** `project shop`, `this installation`. */
  readonly name: string;
  readonly encryption: EncryptionSpec;
}

export interface KeyUse extends KeyDescription {
  readonly usedBy: readonly string[];
}

/** Holds secrets: print all but `secret`. */
export async function listKeys(
  users: readonly KeyUser[],
  definitions: readonly CipherDefinition[],
  context: CipherAdapterContext,
): Promise<readonly KeyUse[]> {
  const keys = new Map<string, KeyUse>();
  for (const { name, encryption } of users) {
    const definition = definitions.find(({ type }) => type === encryption.type);
    if (definition === undefined) {
      throw new AppError("unsupported", `this build has no encryption of type ${encryption.type}`);
    }
    const module = await definition.load();
    for (const key of await module.describeKeys(encryption.settings, context)) {
      const known = keys.get(`${key.scheme} ${key.keyId}`);
      const usedBy = [...new Set([...(known?.usedBy ?? []), name])];
      // What one project has retired may be in use by another.
      const { retired, ...described } = known ?? key;
      const isRetired = (known === undefined || retired === true) && key.retired === true;
      keys.set(`${key.scheme} ${key.keyId}`, { ...described, usedBy, ...(isRetired ? { retired: true } : {}) });
    }
  }
  return [...keys.values()];
}
