// Registers MySQL.

import type { SourceDefinition } from "../definition.ts";
import { MysqlConfig } from "./config.ts";

export const mysqlDefinition: SourceDefinition<MysqlConfig> = {
  type: "mysql",
  config: MysqlConfig,
  atDatabase: (config, database) => ({ ...config, name: database }),
  load: () => import("./index.ts"),
};
