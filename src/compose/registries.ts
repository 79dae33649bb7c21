// Which technologies this build has: the registries, read only when something needs them.

import { AppError } from "../domain/error.ts";

/** Schemas of every adapter; their code is loaded by `load` when one is opened. */
export async function loadRegistries() {
  const [sources, objectStores, repositories, ciphers, notifiers] = await Promise.all([
    import("../adapters/source/index.ts"),
    import("../adapters/object-store/index.ts"),
    import("../adapters/repository/index.ts"),
    import("../adapters/cipher/index.ts"),
    import("../adapters/notifier/index.ts"),
  ]);
  return {
    sources: sources.sourceDefinitions,
    objectStores: objectStores.objectStoreDefinitions,
    repositories: repositories.repositoryDefinitions,
    ciphers: ciphers.cipherDefinitions,
    notifiers: notifiers.notifierDefinitions,
  };
}

export type Registries = Awaited<ReturnType<typeof loadRegistries>>;

/** Throws `unsupported` with the types there are. */
export function findDefinition<T extends { readonly type: string }>(
  definitions: readonly T[],
  noun: string,
  type: string,
): T {
  const definition = definitions.find((candidate) => candidate.type === type);
  if (definition !== undefined) return definition;
  throw new AppError("unsupported", `this build has no ${noun} of type ${type}`, {
    hint: `it has ${definitions.map((candidate) => candidate.type).join(", ")}`,
  });
}
