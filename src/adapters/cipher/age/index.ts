// The cipher of the stock `age` program: what it writes is opened by `age -d` without us. age's own format proves every
// chunk and the end of the file; it cannot bind the file to a backup, that is left to the manifest's hashes.

import { access, readFile } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";
import type { Cipher } from "../../../ports/cipher.ts";
import { spawnTool, type ToolExit } from "../../process/spawn-tool.ts";
import type { CipherAdapterContext, KeyDescription } from "../definition.ts";
import { checkRoundTrip } from "../round-trip-check.ts";
import { lastWords, missingTool } from "../tool-problem.ts";
import type { AgeConfig } from "./config.ts";
import { nameRecipients, readRecipients } from "./recipients.ts";

export async function open(config: AgeConfig, _context: CipherAdapterContext): Promise<Cipher> {
  const recipients = await readRecipients(config);
  const keyId = nameRecipients(recipients);
  const identityFile = config.identity_file;

  const cipher: Cipher = {
    scheme: "age",
    extension: "age",
    keyId,
    canDecrypt: identityFile !== undefined,
    async check(signal) {
      if (identityFile !== undefined) await checkReadable(identityFile);
      await checkRoundTrip(cipher, signal);
    },
    async *encrypt(plain, _part, signal) {
      if (recipients.length === 0) {
        throw new AppError("cipher_failed", "age has nobody to encrypt to", {
          hint: "set encryption.recipients; a passphrase cannot be used, because age asks for it on a terminal only",
        });
      }
      const args = ["--encrypt", ...recipients.flatMap((recipient) => ["--recipient", recipient])];
      yield* spawnTool({ command: "age", args, stdin: plain, signal, fail: encryptProblem }).stdout;
    },
    async *decrypt(stored, _part, signal) {
      if (identityFile === undefined) {
        throw new AppError("wrong_key", `age cannot decrypt for ${keyId} without a private key`, {
          hint: "set encryption.identity_file; backups that need a passphrase cannot be opened without a terminal",
          details: { keyId },
        });
      }
      const args = ["--decrypt", "--identity", identityFile];
      const fail = (exit: ToolExit): AppError => decryptProblem(exit, keyId, identityFile);
      yield* spawnTool({ command: "age", args, stdin: stored, signal, fail }).stdout;
    },
  };
  return cipher;
}

export async function describeKeys(
  config: AgeConfig,
  _context: CipherAdapterContext,
): Promise<readonly KeyDescription[]> {
  const keyId = nameRecipients(await readRecipients(config));
  const path = config.identity_file;
  const secret = path === undefined ? null : await readFile(path, "utf8").catch(() => null);
  const note =
    secret === null
      ? `the private key of ${keyId} is not on this machine: add the identity file that age-keygen made`
      : "the content of the identity file; give it to `age -d -i FILE`";
  return [{ scheme: "age", keyId, kind: "age identity", secret, note }];
}

async function checkReadable(identityFile: string): Promise<void> {
  try {
    await access(identityFile);
  } catch (error) {
    throw new AppError("cipher_failed", `age identity file ${identityFile} cannot be read`, {
      hint: "check encryption.identity_file",
      cause: error,
    });
  }
}

function encryptProblem(exit: ToolExit): AppError {
  const problem = `age could not encrypt: ${lastWords(exit)}`;
  return (
    missingTool(exit, "age", "age") ?? new AppError("cipher_failed", problem, { hint: "check encryption.recipients" })
  );
}

/** age has one exit status for everything, so its words decide between a wrong key and a damaged file. */
function decryptProblem(exit: ToolExit, keyId: string, identityFile: string): AppError {
  const missing = missingTool(exit, "age", "age");
  if (missing !== undefined) return missing;
  if (/no identity matched|identities? .*(passphrase|not )/i.test(exit.stderr)) {
    return new AppError(
      "wrong_key",
      `no key in ${identityFile} opens the backup; it was made for key ${keyId} or another one`,
      {
        hint: "set encryption.identity_file to the private key that was in use when the backup was made",
        details: { keyId },
      },
    );
  }
  if (/reading "?.*identit|no such file|malformed secret key|identity file/i.test(exit.stderr)) {
    return new AppError("cipher_failed", `age could not use identity file ${identityFile}: ${lastWords(exit)}`);
  }
  return new AppError("backup_corrupt", `the age file is damaged: ${lastWords(exit)}`);
}
