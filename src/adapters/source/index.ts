// The registry of sources: one line each.

import type { SourceDefinition } from "./definition.ts";
import { filesDefinition } from "./files/definition.ts";
import { mariadbDefinition } from "./mariadb/definition.ts";
import { mongodbDefinition } from "./mongodb/definition.ts";
import { mysqlDefinition } from "./mysql/definition.ts";
import { postgresDefinition } from "./postgres/definition.ts";
import { sqliteDefinition } from "./sqlite/definition.ts";

export const sourceDefinitions: readonly SourceDefinition[] = [
  filesDefinition,
  mariadbDefinition,
  mongodbDefinition,
  mysqlDefinition,
  postgresDefinition,
  sqliteDefinition,
];
