// What a source adapter registers: its name, its settings' schema and how to open it.

import type { z } from "zod";
import type { Source, SourceContext } from "../../ports/source.ts";

export interface SourceModule<Config> {
  open(config: Config, context: SourceContext): Source;
}

export interface SourceDefinition<Config = any> {
  readonly type: string;
  /** Fields that hold a secret carry `.meta({ secret: true })`. */
  readonly config: z.ZodType<Config>;
  /** The same server with another database, file or directory: for safety backups and restores elsewhere. */
  atDatabase(config: Config, database: string): Config;
  /** Loaded only when a source of this type is used. */
  load(): Promise<SourceModule<Config>>;
}
