// Decides whether the server is the one we know. There is no trust on first use.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { AppError } from "../../../domain/error.ts";
import type { UnknownHost } from "../../../domain/health/unknown-host.ts";
import type { SftpStoreConfig } from "./config.ts";
import { expandHome } from "./expand-home.ts";
import { findKnownHost, hostName, type KnownHost, type KnownKey } from "./known-hosts.ts";

const algorithmsOfType: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

export interface HostKeyCheck {
  /** Only those of keys we know, so that the server shows one of these; all when we know none, to name its key. */
  readonly algorithms: ServerHostKeyAlgorithm[];
  /** True when the server may go on; else `refusal` says why not. */
  accepts(blob: Buffer): boolean;
  readonly refusal: AppError | undefined;
}

export async function openHostKeyCheck(config: SftpStoreConfig): Promise<HostKeyCheck> {
  const path = expandHome(config.known_hosts_path);
  const known = findKnownHost(await readKnownHosts(path), config.host, config.port);
  const usable = known.keys.filter(({ type }) => Object.hasOwn(algorithmsOfType, type));
  const types = usable.length === 0 ? Object.keys(algorithmsOfType) : usable.map(({ type }) => type);
  let refusal: AppError | undefined;
  return {
    algorithms: [...new Set(types.flatMap((type) => algorithmsOfType[type] ?? []))],
    accepts(blob) {
      refusal = judge(config, path, known, blob);
      return refusal === undefined;
    },
    get refusal() {
      return refusal;
    },
  };
}

export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** A key names its own type first. */
function typeOf(blob: Buffer): string {
  return blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1");
}

function judge(config: SftpStoreConfig, path: string, known: KnownHost, blob: Buffer): AppError | undefined {
  const { host, port } = config;
  const name = hostName(host, port);
  const isSame = (key: KnownKey): boolean => key.blob.equals(blob);
  const shown = fingerprintOf(blob);
  const refuse = (message: string, hint: string, more: Readonly<Record<string, unknown>> = {}): AppError =>
    new AppError("storage_auth_failed", message, { hint, details: { host: name, fingerprint: shown, ...more } });
  const scan = `ssh-keyscan -p ${port} ${host} >> ${path}`;
  const compare = `compare that fingerprint with what the server's operator publishes`;

  if (known.revoked.some(isSame)) {
    return refuse(
      `the host key of ${name} (${shown}) is marked as revoked in ${path}`,
      "somebody else may hold this key: ask the server's operator for the new one",
    );
  }
  if (known.keys.some(isSame)) return undefined;
  if (known.keys.length > 0) {
    const expected = known.keys.map((key) => fingerprintOf(key.blob)).join(", ");
    return refuse(
      `the host key of ${name} is ${shown}, but ${path} knows ${expected}: somebody may be in between`,
      `${compare}; when it was changed on purpose, run: ssh-keygen -f ${path} -R '${name}' && ${scan}`,
    );
  }
  if (known.hasAuthority) {
    return refuse(
      `${path} has only a certificate authority for ${name}, which is not supported; its host key is ${shown}`,
      `${compare}, then run: ${scan}`,
    );
  }
  const keyType = typeOf(blob);
  const line = `${name} ${keyType} ${blob.toString("base64")}`;
  const unknownHost: UnknownHost = { host: name, keyType, fingerprint: shown, knownHostsPath: path, line };
  const hint = `${compare}, then let backupctl health ask you on a terminal, or run: ${scan}`;
  return refuse(`the host ${name} is not in ${path}; its host key is ${shown}`, hint, { unknownHost });
}

async function readKnownHosts(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    // Then no host is known, and the refusal names the key and how to add it.
    if (errno === "ENOENT") return "";
    throw new AppError("storage_auth_failed", `the file of known hosts ${path} cannot be read: ${errno}`, {
      hint: "let the user that runs this program read it, or set known_hosts_path",
      cause,
    });
  }
}
