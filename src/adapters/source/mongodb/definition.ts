// Registers MongoDB.

import type { SourceDefinition } from "../definition.ts";
import { MongodbConfig } from "./config.ts";

export const mongodbDefinition: SourceDefinition<MongodbConfig> = {
  type: "mongodb",
  config: MongodbConfig,
  atDatabase: (config, database) => ({
    ...config,
    name: database,
    // All databases of a server are no copy of another one.
    options: { ...config.options, oplog: false },
  }),
  load: () => import("./index.ts"),
};
