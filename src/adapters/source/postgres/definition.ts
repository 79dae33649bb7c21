// Registers PostgreSQL.

import type { SourceDefinition } from "../definition.ts";
import { PostgresConfig } from "./config.ts";

export const postgresDefinition: SourceDefinition<PostgresConfig> = {
  type: "postgres",
  config: PostgresConfig,
  atDatabase: (config, database) => ({ ...config, name: database }),
  load: () => import("./index.ts"),
};
