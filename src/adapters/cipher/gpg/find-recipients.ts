// Turns the configured recipients into fingerprints. gpg itself takes any part of a name and the first key that fits;
// a backup must go to exactly the key that was meant.

import { AppError } from "../../../domain/error.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { lastWords, missingTool } from "../tool-problem.ts";
import type { GpgConfig } from "./config.ts";

/** Never asks, ignores the user's gpg.conf, and takes a key that was named in the configuration as trusted. */
export function gpgArguments(config: GpgConfig): readonly string[] {
  const homedir = config.homedir === undefined ? [] : ["--homedir", config.homedir];
  return ["--no-options", "--batch", "--no-tty", ...homedir, "--trust-model", "always"];
}

export async function findRecipients(config: GpgConfig, signal: AbortSignal): Promise<readonly string[]> {
  const named = [...(config.recipients ?? []), ...(config.recipient === undefined ? [] : [config.recipient])];
  const fingerprints: string[] = [];
  for (const recipient of named) fingerprints.push(await findFingerprint(config, recipient, signal));
  return [...new Set(fingerprints)];
}

async function findFingerprint(config: GpgConfig, recipient: string, signal: AbortSignal): Promise<string> {
  const listing = await listKeys(config, "--list-keys", recipient, signal);
  const keys = parseKeys(listing);
  const [key] = keys;
  if (key === undefined) {
    throw new AppError("cipher_failed", `gpg has no public key for recipient ${recipient}`, {
      hint: "import it with `gpg --import`, or check encryption.recipient and homedir",
    });
  }
  if (keys.length > 1) {
    throw new AppError("cipher_failed", `gpg has ${keys.length} keys that fit recipient ${recipient}`, {
      hint: `name one by its fingerprint, such as ${key.fingerprint}`,
    });
  }
  const problem = { r: "is revoked", e: "has expired", i: "is invalid", d: "is disabled" }[key.validity];
  if (problem !== undefined) {
    throw new AppError("cipher_failed", `gpg key ${key.fingerprint} of recipient ${recipient} ${problem}`, {
      hint: "renew the key, or name another recipient",
    });
  }
  return key.fingerprint;
}

export async function hasSecretKey(
  config: GpgConfig,
  fingerprints: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = fingerprints.length === 0 ? [undefined] : fingerprints;
  for (const fingerprint of wanted) {
    if (parseKeys(await listKeys(config, "--list-secret-keys", fingerprint, signal)).length > 0) return true;
  }
  return false;
}

interface ListedKey {
  readonly validity: string;
  readonly fingerprint: string;
}

/** The colon listing of GnuPG: a `pub` or `sec` record, then the `fpr` record of the same key. */
function parseKeys(listing: string): readonly ListedKey[] {
  const keys: ListedKey[] = [];
  let validity: string | undefined;
  for (const line of listing.split("\n")) {
    const fields = line.split(":");
    if (fields[0] === "pub" || fields[0] === "sec") validity = fields[1] ?? "";
    if (fields[0] !== "fpr" || validity === undefined) continue;
    keys.push({ validity, fingerprint: fields[9] ?? "" });
    validity = undefined;
  }
  return keys;
}

async function listKeys(
  config: GpgConfig,
  list: "--list-keys" | "--list-secret-keys",
  key: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const args = [...gpgArguments(config), "--with-colons", list, ...(key === undefined ? [] : ["--", key])];
  const tool = spawnTool({
    command: "gpg",
    args,
    signal,
    fail: (exit) =>
      missingTool(exit, "gpg", "gnupg") ??
      new AppError("cipher_failed", `gpg could not list its keys: ${lastWords(exit)}`),
    // 2 is how gpg says that no key fits.
    succeeded: (exit) => exit.code === 0 || exit.code === 2,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of tool.stdout) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
