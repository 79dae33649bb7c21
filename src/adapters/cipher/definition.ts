// What a cipher adapter registers: its name, its settings' schema and how to open it.

import type { z } from "zod";
import type { ToolDirs } from "../../domain/project/project.ts";
import type { Cipher } from "../../ports/cipher.ts";

export interface CipherAdapterContext {
  readonly tmpDir: string;
  readonly tools: ToolDirs;
  /** ENCRYPTION_KEY, or the content of the key file, for settings without a password of their own. */
  readonly defaultKey: () => Promise<{ readonly secret: string; readonly keyId: string }>;
  /** The installation's own salt of 16 bytes (key-store.ts), so that a password has one key id on it; else one per process. */
  readonly passwordSalt?: () => Promise<Uint8Array>;
}

export interface CipherModule<Config> {
  open(config: Config, context: CipherAdapterContext): Cipher | Promise<Cipher>;
}

export interface CipherDefinition<Config = any> {
  readonly type: string;
  /** Fields that hold a secret carry `.meta({ secret: true })`. */
  readonly config: z.ZodType<Config>;
  load(): Promise<CipherModule<Config>>;
}
