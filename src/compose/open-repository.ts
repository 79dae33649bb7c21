// Opens a storage that is a repository: which ones are is known by the registry of its type.

import { AppError } from "../domain/error.ts";
import type { Configuration, StorageSpec } from "../domain/project/project.ts";
import type { Repository, RepositoryContext } from "../ports/repository.ts";
import { findDefinition, type Registries } from "./registries.ts";

export function findRepositorySpec(
  { storages }: Configuration,
  { repositories }: Pick<Registries, "repositories">,
  name: string,
): StorageSpec | undefined {
  const spec = storages.find((storage) => storage.name === name);
  return repositories.some(({ type }) => type === spec?.type) ? spec : undefined;
}

export async function openRepository(
  configuration: Configuration,
  registries: Pick<Registries, "repositories">,
  name: string,
  context: Omit<RepositoryContext, "program">,
): Promise<Repository> {
  const spec = findRepositorySpec(configuration, registries, name);
  if (spec === undefined) throw new AppError("config_invalid", `storage ${name} is no repository`);
  const module = await findDefinition(registries.repositories, "repository", spec.type).load();
  return module.open(spec.settings, { ...context, program: configuration.settings.tools.resticBinary });
}
