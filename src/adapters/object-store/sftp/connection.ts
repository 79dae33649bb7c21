// One SSH connection with its SFTP channel. A request ends with the server's answer, the signal, or the connection.

import ssh2 from "ssh2";
import type { CipherAlgorithm, SFTPWrapper } from "ssh2";
import { AppError } from "../../../domain/error.ts";
import type { SftpStoreConfig } from "./config.ts";
import { readCredentials } from "./credentials.ts";
import { openHostKeyCheck } from "./host-key.ts";
import { sftpStatus, SftpStatusError, unreachable } from "./sftp-status.ts";

export interface ConnectionTimes {
  readonly connectTimeoutMs: number;
  readonly keepaliveMs: number;
}

/** Four unanswered signs of life, and the connection is lost. */
export const defaultTimes: ConnectionTimes = { connectTimeoutMs: 20_000, keepaliveMs: 10_000 };
const keepalivesMissed = 3;

type Done<T> = (error?: Error | null, value?: T) => void;

export interface SftpConnection {
  readonly isLost: boolean;
  /** The most bytes that one request may carry. */
  readonly maxReadBytes: number;
  readonly maxWriteBytes: number;
  /** Rejects with a SftpStatusError, `storage_unreachable`, or the signal's reason. */
  call<T>(signal: AbortSignal | undefined, invoke: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T>;
  close(): void;
}

const ciphers: CipherAlgorithm[] = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
];

export async function openConnection(
  config: SftpStoreConfig,
  location: string,
  times: ConnectionTimes,
): Promise<SftpConnection> {
  const credentials = await readCredentials(config);
  const hostKey = await openHostKeyCheck(config);
  const client = new ssh2.Client();
  let lost: AppError | undefined;
  const waiting = new Set<(error: AppError) => void>();
  const lose = (why: string, cause?: unknown): void => {
    lost ??= unreachable(location, why, cause);
    for (const reject of waiting) reject(lost);
    waiting.clear();
  };

  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    // It stays on: a broken connection may report more than one error, at any time.
    client.on("error", (error: Error & { level?: string; code?: string }) => {
      reject(hostKey.refusal ?? translateConnectError(error, config, location));
      lose(error.code ?? error.message, error);
    });
    client.on("close", () => {
      reject(unreachable(location, "the connection was closed before the login"));
      lose("the connection was closed");
    });
    // Servers that ask for the password in a dialogue, as PAM does.
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) => {
      finish(prompts.map(({ echo }) => (echo === true ? config.user : (config.password ?? ""))));
    });
    client.on("ready", () => {
      client.setNoDelay(true);
      client.sftp((error, channel) => {
        if (error) reject(unreachable(location, "the server offers no SFTP", error));
        else resolve(channel);
      });
    });
    client.connect({
      host: config.host,
      port: config.port,
      username: config.user,
      ...credentials,
      tryKeyboard: config.password !== undefined,
      algorithms: { serverHostKey: hostKey.algorithms, cipher: ciphers },
      hostVerifier: (blob: Buffer) => hostKey.accepts(blob),
      readyTimeout: times.connectTimeoutMs,
      keepaliveInterval: times.keepaliveMs,
      keepaliveCountMax: keepalivesMissed,
    });
  }).catch((error: unknown) => {
    client.destroy();
    throw error;
  });

  for (const event of ["end", "close", "error"] as const) {
    sftp.on(event, () => {
      lose("the SFTP channel was closed");
      client.end();
    });
  }
  // Not in the library's types: the limits that the server told, or careful ones for servers that tell none.
  const { _maxReadLen = 30_000, _maxWriteLen = 30_000 } = sftp as { _maxReadLen?: number; _maxWriteLen?: number };

  return {
    get isLost() {
      return lost !== undefined;
    },
    maxReadBytes: Math.min(_maxReadLen, 255 * 1024),
    maxWriteBytes: Math.min(_maxWriteLen, 255 * 1024),
    call: <T>(signal: AbortSignal | undefined, invoke: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (lost !== undefined) return reject(lost);
        const settle = (): void => {
          waiting.delete(fail);
          signal?.removeEventListener("abort", onAbort);
        };
        const fail = (error: unknown): void => {
          settle();
          reject(error);
        };
        const onAbort = (): void => fail(signal!.reason);
        waiting.add(fail);
        signal?.addEventListener("abort", onAbort, { once: true });
        try {
          invoke(sftp, (error, value) => {
            if (error) return fail(lost ?? statusOf(error, location));
            settle();
            resolve(value as T);
          });
        } catch (error) {
          // How the library says that the server did not offer an extension.
          fail(new SftpStatusError(sftpStatus.unsupported, error instanceof Error ? error.message : String(error)));
        }
      }),
    close() {
      lose("the storage was closed");
      client.end();
    },
  };
}

function statusOf(error: Error, location: string): Error {
  const code = "code" in error ? error.code : undefined;
  return typeof code === "number"
    ? new SftpStatusError(code, error.message)
    : unreachable(location, error.message, error);
}

function translateConnectError(
  error: Error & { level?: string; code?: string },
  config: SftpStoreConfig,
  location: string,
): AppError {
  if (error.level === "client-authentication") {
    const tried = [config.private_key_path && "the private key", config.password && "the password"].filter(Boolean);
    return new AppError("storage_auth_failed", `${location} refused ${tried.join(" and ")} of ${config.user}`, {
      hint: "see user, password and private_key_path, and that the server knows the public key",
      cause: error,
    });
  }
  if (error.level === "handshake" || error.level === "protocol") {
    return new AppError("storage_failed", `the connection to ${location} could not be secured: ${error.message}`, {
      hint: `when known_hosts has only some of the server's keys, add all: ssh-keyscan -p ${config.port} ${config.host}`,
      cause: error,
    });
  }
  return unreachable(location, error.code ?? error.message, error);
}
