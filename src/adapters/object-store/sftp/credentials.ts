// What we log in with. A key that cannot be used is named before the server is asked.

import { readFile } from "node:fs/promises";
import ssh2 from "ssh2";
import { AppError } from "../../../domain/error.ts";
import type { SftpStoreConfig } from "./config.ts";
import { expandHome } from "./expand-home.ts";

export interface Credentials {
  readonly privateKey?: Buffer;
  readonly passphrase?: string;
  readonly password?: string;
}

export async function readCredentials(config: SftpStoreConfig): Promise<Credentials> {
  const { private_key_path: keyPath, passphrase, password } = config;
  const withPassword = password === undefined ? {} : { password };
  if (keyPath === undefined) return withPassword;
  const path = expandHome(keyPath);
  let privateKey: Buffer;
  try {
    privateKey = await readFile(path);
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new AppError("storage_auth_failed", `the private key ${path} cannot be read: ${errno}`, {
      hint: "see private_key_path, and let the user that runs this program read the file",
      cause,
    });
  }
  const parsed = ssh2.utils.parseKey(privateKey, passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) {
    throw new AppError(
      "storage_auth_failed",
      `the private key ${path} cannot be used${passphrase === undefined ? " without a passphrase" : " with this passphrase"}, or is none`,
      {
        hint: "see passphrase; keys of OpenSSH and PEM are understood, of the types ed25519, ecdsa and rsa",
        cause: key instanceof Error ? key : undefined,
      },
    );
  }
  return { privateKey, ...(passphrase === undefined ? {} : { passphrase }), ...withPassword };
}
