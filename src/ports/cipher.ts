// Encryption of a part's stream.
//
// Promises of every adapter (cipher.contract.ts proves them):
// - `decrypt(encrypt(x))` is `x` for every length, in bounded memory, with segments passed on as they are proven.
// - `decrypt` throws `backup_corrupt` for any byte flipped, cut, moved, doubled or added, before it ends; what it has
//   yielded until then is untrusted. A key that does not fit is `wrong_key` and names the key id that is needed.
// - No key, passphrase or data key appears in argv, environment, log or error.

import type { ByteStream } from "./byte-stream.ts";

/** Bound into the ciphertext where the scheme can, so that parts cannot be exchanged between backups. */
export interface CipherContext {
  readonly backupId: string;
  readonly part: string;
}

export interface Cipher {
  readonly scheme: "aes-256-gcm" | "age" | "gpg";
  readonly extension: "enc" | "age" | "gpg";
  /** Names the key, never reveals it. */
  readonly keyId: string;
  /** True when this machine can also decrypt (false with only a public key). */
  readonly canDecrypt: boolean;
  /** Key readable, recipients valid, tool present; throws `cipher_failed` or `tool_missing`. */
  check(signal: AbortSignal): Promise<void>;
  encrypt(plain: ByteStream, context: CipherContext, signal: AbortSignal): ByteStream;
  /** `context` absent: accepted from any backup (a file without its manifest). */
  decrypt(stored: ByteStream, context: CipherContext | undefined, signal: AbortSignal): ByteStream;
  /** Seals a manifest's canonical bytes with the key; absent where the scheme has no secret to seal with. */
  authenticate?(bytes: Uint8Array): Promise<string>;
  /** False when no key at hand made `value` over `bytes`; throws `manifest_invalid` for a value of an unknown form. */
  verifyAuthentication?(bytes: Uint8Array, value: string): Promise<boolean>;
}
