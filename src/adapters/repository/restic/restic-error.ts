// restic's exit codes and words as errors of ours, once.

import { AppError } from "../../../domain/error.ts";
import type { ToolExit } from "../../process/spawn-tool.ts";
import { parseLockOwner } from "./restic-words.ts";

export interface Failure {
  readonly exit: ToolExit;
  /** What was tried: `backup`, `snapshots`. */
  readonly command: string;
  readonly location: string;
  readonly program: string;
  /** The end of what restic said, without secrets. */
  readonly said: string;
  /** All that it said. */
  readonly heard: string;
  /** How long a lock was waited for, in words; undefined where it was not. */
  readonly waited?: string | undefined;
}

/** Anything that is not listed here is a failure as well. */
export const exitCodes = {
  success: 0,
  fatal: 1,
  incomplete: 3,
  noRepository: 10,
  locked: 11,
  wrongPassword: 12,
} as const;

export function resticError(failure: Failure): AppError {
  const { exit, location, program } = failure;
  if (exit.startError !== null) {
    return new AppError("tool_missing", `${program} could not be started (${exit.startError.message})`, {
      hint: "install restic 0.17.1 or newer, or set RESTIC_BINARY",
    });
  }
  switch (exit.code) {
    case exitCodes.noRepository:
      return new AppError("repository_not_found", `there is no restic repository at ${location}`, {
        hint: "make it with backupctl restic <project> init, or correct the storage's address",
      });
    case exitCodes.locked:
      return lockHeld(failure);
    case exitCodes.wrongPassword:
      return new AppError("storage_auth_failed", `the password does not open the repository at ${location}`, {
        hint: "check the storage's password, or RESTIC_PASSWORD",
      });
    default:
      return fatal(failure);
  }
}

function lockHeld({ location, said, heard, waited }: Failure): AppError {
  const owner = parseLockOwner(said) ?? parseLockOwner(heard);
  const hint =
    "wait for it to end, or raise lock_wait_minutes; a lock that nobody holds any more goes with backupctl restic <project> unlock";
  const after = waited === undefined ? "" : `; ${waited} of waiting did not help`;
  if (owner === undefined) {
    const tail = said === "" ? "" : `: ${said}`;
    const message = `the repository at ${location} is locked by another process${tail}${after}`;
    return new AppError("lock_held", message, { hint, retryable: true });
  }
  const { pid, host, user, since } = owner;
  const who = `pid ${pid} on ${host} (${user}${since === undefined ? "" : `, since ${since}`})`;
  return new AppError("lock_held", `the repository at ${location} is locked by ${who}${after}`, {
    hint,
    retryable: true,
    details: { owner },
  });
}

const words: readonly (readonly [
  RegExp,
  "backup_corrupt" | "disk_full" | "storage_unreachable" | "storage_auth_failed" | "object_not_found",
  string,
])[] = [
  [
    /ciphertext verification failed|invalid data returned|unexpected (blob|plaintext)|hash mismatch|<data\/[0-9a-f]+>.*(no such file|not exist)/i,
    "backup_corrupt",
    "data in the repository is damaged or lost: look at it with backupctl restic <project> check, and restore from another storage",
  ],
  [
    /no space left on device|disk quota exceeded|insufficient storage/i,
    "disk_full",
    "free space there, or prune old backups",
  ],
  [
    /connection refused|no such host|network is unreachable|i\/o timeout|no route to host|could not resolve|connection (closed|reset)|connection timed out/i,
    "storage_unreachable",
    "check the address, the network and whether the server is up",
  ],
  [
    /host key verification failed/i,
    "storage_auth_failed",
    "its host key is not known, or is another one: let backupctl health show it and ask you on a terminal",
  ],
  [
    /permission denied|access ?denied|unauthorized|\b40[13]\b/i,
    "storage_auth_failed",
    "check the credentials and the rights of the account",
  ],
  [
    /not found in snapshot|no matching ID found|no snapshot found/i,
    "object_not_found",
    "list what there is with backupctl snapshots",
  ],
];

/** Exit code 1 stands for everything else, so that only its words tell what happened. */
function fatal({ exit, command, location, said, heard }: Failure): AppError {
  const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
  const message = `restic ${command} failed on ${location} (${how})${said === "" ? "" : `: ${said}`}`;
  const known = words.find(([pattern]) => pattern.test(heard));
  if (known === undefined) {
    return new AppError("storage_failed", message, {
      hint: "try backupctl restic <project> check; details are in the log",
      retryable: true,
    });
  }
  return new AppError(known[1], message, { hint: known[2], retryable: known[1] === "storage_unreachable" });
}
