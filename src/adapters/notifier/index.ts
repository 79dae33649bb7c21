// The registry of notifiers: one line each.

import type { NotifierDefinition } from "./definition.ts";

export const notifierDefinitions: readonly NotifierDefinition[] = [];
