// The registry of sources: one line each.

import type { SourceDefinition } from "./definition.ts";
import { filesDefinition } from "./files/definition.ts";
import { postgresDefinition } from "./postgres/definition.ts";
import { sqliteDefinition } from "./sqlite/definition.ts";

export const sourceDefinitions: readonly SourceDefinition[] = [filesDefinition, postgresDefinition, sqliteDefinition];
