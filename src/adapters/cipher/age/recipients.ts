// The public keys a backup is encrypted to.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";
import type { AgeConfig } from "./config.ts";

export async function readRecipients(config: AgeConfig): Promise<readonly string[]> {
  const listed = [...(config.recipients ?? []), ...(config.recipient === undefined ? [] : [config.recipient])];
  const recipients = [...listed, ...(await readRecipientsFile(config.recipients_file))].map((line) => line.trim());
  for (const recipient of recipients) refuseSecret(recipient);
  return [...new Set(recipients)];
}

async function readRecipientsFile(path: string | undefined): Promise<readonly string[]> {
  if (path === undefined) return [];
  try {
    const lines = (await readFile(path, "utf8")).split(/\r?\n/);
    return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
  } catch (error) {
    throw new AppError("cipher_failed", `recipients file ${path} cannot be read`, {
      hint: "check encryption.recipients_file",
      cause: error,
    });
  }
}

/** A private key in the place of a public one would end up in argv. */
function refuseSecret(recipient: string): void {
  if (!/^AGE-|PRIVATE/i.test(recipient) && !recipient.startsWith("-")) return;
  throw new AppError("cipher_failed", "one of the age recipients is not a public key", {
    hint: "recipients begin with age1, ssh-ed25519 or ssh-rsa; a private key belongs into the file named by identity_file",
  });
}

/** Public keys may be shown, but a whole one is long. */
export function nameRecipients(recipients: readonly string[]): string {
  const [first, ...more] = recipients;
  if (first === undefined) return "none";
  const name = first.startsWith("age1") ? first.slice(0, 16) : `ssh-${fingerprint(first)}`;
  return more.length === 0 ? name : `${name}+${more.length}`;
}

function fingerprint(recipient: string): string {
  const key = recipient.split(/\s+/)[1] ?? recipient;
  return createHash("sha256").update(key).digest("hex").slice(0, 12);
}
