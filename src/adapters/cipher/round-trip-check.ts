// Proves that a cipher works here and now: seals a small text and, where the key is at hand, opens it again.

import { AppError } from "../../domain/error.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import type { Cipher } from "../../ports/cipher.ts";

const sample = Buffer.from("backupctl cipher check\n");

export async function checkRoundTrip(
  cipher: Pick<Cipher, "scheme" | "keyId" | "canDecrypt" | "encrypt" | "decrypt">,
  signal: AbortSignal,
): Promise<void> {
  const context = { backupId: "check", part: "check" };
  const sealed = await collect(cipher.encrypt(once(sample), context, signal));
  if (!cipher.canDecrypt) return;
  const opened = await collect(cipher.decrypt(once(sealed), context, signal));
  if (opened.equals(sample)) return;
  throw new AppError("cipher_failed", `${cipher.scheme} key ${cipher.keyId} does not give back what it encrypted`);
}

async function* once(bytes: Uint8Array): ByteStream {
  yield bytes;
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
