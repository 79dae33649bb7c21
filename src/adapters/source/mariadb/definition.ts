// Registers MariaDB.

import type { SourceDefinition } from "../definition.ts";
import { MariadbConfig } from "./config.ts";

export const mariadbDefinition: SourceDefinition<MariadbConfig> = {
  type: "mariadb",
  config: MariadbConfig,
  atDatabase: (config, database) => ({ ...config, name: database }),
  load: () => import("./index.ts"),
};
