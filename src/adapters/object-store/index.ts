// The registry of archive storages: one line each.

import type { ObjectStoreDefinition } from "./definition.ts";
import { localStoreDefinition } from "./local/definition.ts";

export const objectStoreDefinitions: readonly ObjectStoreDefinition[] = [localStoreDefinition];
