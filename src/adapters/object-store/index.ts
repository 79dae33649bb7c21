// The registry of archive storages: one line each.

import type { ObjectStoreDefinition } from "./definition.ts";

export const objectStoreDefinitions: readonly ObjectStoreDefinition[] = [];
