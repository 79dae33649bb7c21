// What node:fs says while files are written, as our error.

import { AppError } from "../../../domain/error.ts";
import { showPath } from "./byte-path.ts";

export function toRestoreError(error: unknown, action: string, path: string): AppError {
  if (error instanceof AppError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  const message = `could not ${action} ${showPath(path)}: ${code}`;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new AppError("disk_full", message, { cause: error, hint: "free some space on the target's disk" });
  const hint =
    code === "EACCES" || code === "EPERM" || code === "EROFS"
      ? "run the restore as a user who may write there, or choose another directory"
      : undefined;
  return new AppError("restore_failed", message, { cause: error, ...(hint !== undefined && { hint }) });
}
