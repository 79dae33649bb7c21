// What a cipher adapter registers: its name, its settings' schema and how to open it.

import type { z } from "zod";
import type { ToolDirs } from "../../domain/project/project.ts";
import type { Cipher } from "../../ports/cipher.ts";

export interface DefaultKey {
  readonly secret: string;
  readonly keyId: string;
  /** Those that were in use before, only for reading. */
  readonly previous?: readonly string[];
}

export interface CipherAdapterContext {
  readonly tmpDir: string;
  readonly tools: ToolDirs;
  /** ENCRYPTION_KEY, or the content of the key file, for settings without a password of their own. */
  readonly defaultKey: () => Promise<DefaultKey>;
  /** The installation's own salt of 16 bytes (key-store.ts), so that a password has one key id on it; else one per process. */
  readonly passwordSalt?: () => Promise<Uint8Array>;
}

/** One key that opens backups, as `key list` and the recovery kit show it. */
export interface KeyDescription {
  readonly scheme: string;
  readonly keyId: string;
  /** `password`, `key`, `age identity`, `gpg key`. */
  readonly kind: string;
  /** What must be kept, word for word; null when this machine does not have it or it must be exported by its own tool. */
  readonly secret: string | null;
  /** How to get at the key where `secret` is null, and what else belongs to it. */
  readonly note: string | null;
  /** It opens older backups; new ones are made with another. */
  readonly retired?: true;
}

export interface ImportedKey {
  readonly fingerprint: string;
  readonly userIds: readonly string[];
}

export interface CipherModule<Config> {
  open(config: Config, context: CipherAdapterContext): Cipher | Promise<Cipher>;
  /** Every key these settings can open backups with, the current one first. Holds secrets: never for a log. */
  describeKeys(config: Config, context: CipherAdapterContext): Promise<readonly KeyDescription[]>;
  /** Where keys lie in a keyring: adds the public keys of a file to the one that these settings use. Refuses private keys. */
  importKey?(config: Config, file: string): Promise<readonly ImportedKey[]>;
}

/** Where the key in use comes from: a key file of its own, the installation's key, or a password in the configuration. */
export type KeyOrigin =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "installation" }
  | { readonly kind: "password" };

export interface CipherDefinition<Config = any> {
  readonly type: string;
  /** Fields that hold a secret carry `.meta({ secret: true })`. */
  readonly config: z.ZodType<Config>;
  /** Absent where the scheme's keys are made by a tool of its own. */
  keyOrigin?(config: Config): KeyOrigin;
  load(): Promise<CipherModule<Config>>;
}
