// The registry of ciphers: one line each.

import { aes256GcmDefinition } from "./aes-256-gcm/definition.ts";
import { ageDefinition } from "./age/definition.ts";
import type { CipherDefinition } from "./definition.ts";
import { gpgDefinition } from "./gpg/definition.ts";

export const cipherDefinitions: readonly CipherDefinition[] = [aes256GcmDefinition, ageDefinition, gpgDefinition];
