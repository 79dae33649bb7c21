// Exit codes are an interface: people script against them.

import type { ErrorCode } from "../domain/error.ts";
import type { Run } from "../domain/run/run.ts";

export const exitCodes = {
  success: 0,
  failure: 1,
  lockHeld: 2,
  configInvalid: 3,
  connectivity: 4,
  partial: 5,
  cancelled: 130,
} as const;

const byErrorCode = {
  backup_corrupt: 1,
  backup_not_found: 1,
  backup_unencrypted: 1,
  cancelled: 130,
  cipher_failed: 1,
  config_invalid: 3,
  confirmation_required: 1,
  daemon_unreachable: 4,
  disk_full: 1,
  hook_failed: 1,
  internal: 1,
  listen_failed: 1,
  interrupted: 1,
  lock_held: 2,
  manifest_invalid: 1,
  notification_failed: 1,
  object_exists: 1,
  object_not_found: 1,
  partial: 5,
  repository_not_found: 4,
  restore_failed: 1,
  source_auth_failed: 4,
  source_failed: 1,
  source_unreachable: 4,
  stalled: 1,
  state_failed: 1,
  storage_auth_failed: 4,
  storage_failed: 1,
  storage_unreachable: 4,
  target_not_empty: 1,
  timed_out: 1,
  tool_missing: 1,
  unsupported: 1,
  usage: 1,
  verify_failed: 1,
  wrong_key: 1,
} satisfies Record<ErrorCode, number>;

export function exitCodeOf(code: ErrorCode): number {
  return byErrorCode[code];
}

export function exitCodeOfRun(run: Run): number {
  if (run.error !== null) return exitCodeOf(run.error.code);
  return run.partial ? exitCodes.partial : exitCodes.success;
}

/** Of `--all`: all good 0, all bad the first one's code, else 5. */
export function exitCodeOfRuns(codes: readonly number[]): number {
  if (codes.includes(exitCodes.cancelled)) return exitCodes.cancelled;
  const failed = codes.filter((code) => code !== exitCodes.success);
  if (failed.length === 0) return exitCodes.success;
  const allFailed = failed.length === codes.length && !failed.includes(exitCodes.partial);
  return allFailed ? failed[0]! : exitCodes.partial;
}
