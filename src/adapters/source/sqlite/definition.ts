// Registers SQLite.

import type { SourceDefinition } from "../definition.ts";
import { SqliteConfig } from "./config.ts";

export const sqliteDefinition: SourceDefinition<SqliteConfig> = {
  type: "sqlite",
  config: SqliteConfig,
  atDatabase: (config, database) => ({ ...config, path: database }),
  load: () => import("./index.ts"),
};
