// What a storage adapter registers: its name, its settings' schema and how to open it.

import type { z } from "zod";
import type { ObjectStore, ObjectStoreContext } from "../../ports/object-store.ts";

export interface ObjectStoreModule<Config> {
  open(config: Config, context: ObjectStoreContext): ObjectStore;
}

export interface ObjectStoreDefinition<Config = any> {
  readonly type: string;
  /** Fields that hold a secret carry `.meta({ secret: true })`. */
  readonly config: z.ZodType<Config>;
  /** Loaded only when a storage of this type is used. */
  load(): Promise<ObjectStoreModule<Config>>;
}
