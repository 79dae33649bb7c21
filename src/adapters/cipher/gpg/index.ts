// The cipher of the stock `gpg` program: what it writes is opened by `gpg -d` without us. gpg hands plain text on before
// it has seen the end, so its status lines must say that the integrity check passed before the stream may end.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { Cipher } from "../../../ports/cipher.ts";
import { spawnTool, type ToolExit } from "../../process/spawn-tool.ts";
import type { CipherAdapterContext, KeyDescription } from "../definition.ts";
import { checkRoundTrip } from "../round-trip-check.ts";
import { lastWords, missingTool } from "../tool-problem.ts";
import type { GpgConfig } from "./config.ts";
import { findRecipients, gpgArguments, hasSecretKey } from "./find-recipients.ts";
import { readStatus, type GpgStatus } from "./status.ts";

export { importKey } from "./import-key.ts";

const openTimeoutMs = 30_000;

export async function open(config: GpgConfig, _context: CipherAdapterContext): Promise<Cipher> {
  const opening = AbortSignal.timeout(openTimeoutMs);
  const fingerprints = await findRecipients(config, opening);
  const canDecrypt = await hasSecretKey(config, fingerprints, opening);
  const keyId = nameKeys(fingerprints);

  const cipher: Cipher = {
    scheme: "gpg",
    extension: "gpg",
    keyId,
    canDecrypt,
    check: (signal) => checkRoundTrip(cipher, signal),
    async *encrypt(plain, _part, signal) {
      if (fingerprints.length === 0) {
        throw new AppError("cipher_failed", "gpg has nobody to encrypt to", { hint: "set encryption.recipient" });
      }
      // The stream is compressed already.
      const form = ["--compress-algo", "none", "--cipher-algo", "AES256"];
      const recipients = fingerprints.flatMap((fingerprint) => ["--recipient", fingerprint]);
      const args = [...gpgArguments(config), ...form, ...recipients, "--encrypt"];
      yield* spawnTool({ command: "gpg", args, stdin: plain, signal, fail: encryptProblem }).stdout;
    },
    decrypt: (stored, _part, signal) => decrypt(config, keyId, stored, signal),
  };
  return cipher;
}

/** A private key leaves gpg only by its owner's hand. */
export async function describeKeys(
  config: GpgConfig,
  _context: CipherAdapterContext,
): Promise<readonly KeyDescription[]> {
  const fingerprints = await findRecipients(config, AbortSignal.timeout(openTimeoutMs));
  const homedir = config.homedir === undefined ? "" : `--homedir ${config.homedir} `;
  return fingerprints.map((fingerprint) => ({
    scheme: "gpg",
    keyId: nameKeys([fingerprint]),
    kind: "gpg key",
    secret: null,
    note: `on a machine that has it: gpg ${homedir}--armor --export-secret-keys ${fingerprint}`,
  }));
}

async function* decrypt(config: GpgConfig, keyId: string, stored: ByteStream, signal: AbortSignal): ByteStream {
  const status: GpgStatus = readStatus();
  // Without a passphrase file nobody may be asked: gpg would wait for ever.
  const passphrase =
    config.passphrase_file === undefined
      ? ["--pinentry-mode", "error"]
      : ["--pinentry-mode", "loopback", "--passphrase-file", config.passphrase_file];
  yield* spawnTool({
    command: "gpg",
    args: [...gpgArguments(config), ...passphrase, "--status-fd", "2", "--decrypt"],
    stdin: stored,
    signal,
    onStderrLine: (line) => status.add(line),
    succeeded: (exit) => exit.code === 0 && exit.signal === null && status.provedWhole(),
    fail: (exit) => decryptProblem(exit, status, keyId),
  }).stdout;
}

function nameKeys(fingerprints: readonly string[]): string {
  const [first, ...more] = fingerprints;
  if (first === undefined) return "none";
  return more.length === 0 ? first.slice(-16) : `${first.slice(-16)}+${more.length}`;
}

function encryptProblem(exit: ToolExit): AppError {
  const problem = `gpg could not encrypt: ${lastWords(exit)}`;
  return (
    missingTool(exit, "gpg", "gnupg") ?? new AppError("cipher_failed", problem, { hint: "check encryption.recipient" })
  );
}

function decryptProblem(exit: ToolExit, status: GpgStatus, keyId: string): AppError {
  const missing = missingTool(exit, "gpg", "gnupg");
  if (missing !== undefined) return missing;
  const needed = status.recipients();
  const isLocked = status.has("ERROR pkdecrypt_failed");
  // Once the session key was found, whatever goes wrong is the file's fault.
  if (status.has("DECRYPTION_KEY") || !(isLocked || status.has("NO_SECKEY"))) {
    return new AppError("backup_corrupt", `the gpg file is damaged: ${lastWords(exit)}`);
  }
  const names = needed.join(", ");
  if (isLocked) {
    return new AppError("wrong_key", `gpg could not unlock the private key ${names}: ${lastWords(exit)}`, {
      hint: "set encryption.passphrase_file to a file that holds the key's passphrase",
      details: { keyId: names },
    });
  }
  return new AppError("wrong_key", `the backup needs gpg key ${names}, and no private key for it is here`, {
    hint: `import the private key with \`gpg --import\`; the configured key is ${keyId}`,
    details: { keyId: names },
  });
}
