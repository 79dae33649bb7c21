// What a repository adapter registers: its name, its settings' schema and how to open it.

import type { z } from "zod";
import type { Repository, RepositoryContext } from "../../ports/repository.ts";

export interface RepositoryModule<Config> {
  open(config: Config, context: RepositoryContext): Repository;
}

export interface RepositoryDefinition<Config = any> {
  readonly type: string;
  /** Fields that hold a secret carry `.meta({ secret: true })`. */
  readonly config: z.ZodType<Config>;
  /** Adds what the settings leave out and the environment of the configuration has. */
  complete?(config: Config, find: (name: string) => string | undefined): CompletedConfig<Config>;
  /** Loaded only when a repository of this type is used. */
  load(): Promise<RepositoryModule<Config>>;
}

export interface CompletedConfig<Config> {
  readonly config: Config;
  /** Values that were added and must not be shown. */
  readonly secrets: readonly string[];
  /** Keys that are needed and stand nowhere. */
  readonly missing: readonly { readonly key: string; readonly hint: string }[];
}
