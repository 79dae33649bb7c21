// The registry of ciphers: one line each.

import type { CipherDefinition } from "./definition.ts";

export const cipherDefinitions: readonly CipherDefinition[] = [];
