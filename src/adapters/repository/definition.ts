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
  /** Loaded only when a repository of this type is used. */
  load(): Promise<RepositoryModule<Config>>;
}
