// Opens a storage that is a repository: which ones are is known by the registry of its type.

import { join } from "node:path";
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
  const { settings } = configuration;
  const module = await findDefinition(registries.repositories, "repository", spec.type).load();
  const { withRepositoryLock } = await import("../adapters/repository/with-repository-lock.ts");
  const { openSharedLock } = await import("../adapters/lock/shared-lock.ts");
  const { openFileLock } = await import("../adapters/lock/file/index.ts");
  const repository = module.open(spec.settings, { ...context, program: settings.tools.resticBinary });
  const locks = openSharedLock(openFileLock({ baseDir: join(settings.baseDir, ".backupctl", "locks") }));
  // The location is the repository's address without secrets: the same for all who use it.
  return withRepositoryLock(repository, locks, repository.location, (message) => context.log("info", message));
}
