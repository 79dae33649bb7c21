// The disk's error numbers, translated once.

import { AppError } from "../../../domain/error.ts";
import { errnoOf } from "./file-system.ts";

/** `what` says what was tried, as `writing shop/x.dump`. Errors of ours pass through. */
export function translateDiskError(error: unknown, what: string, location: string): unknown {
  if (error instanceof AppError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const place = what.endsWith(location) ? what : `${what} in ${location}`;
  const message = `${place} failed: ${errno}`;
  switch (errno) {
    case "ENOSPC":
    case "EDQUOT":
      return new AppError("disk_full", `${place} failed: no space is left (${errno})`, {
        hint: "free some space there (a shorter retention keeps fewer backups), then run it again",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new AppError("storage_auth_failed", message, {
        hint: `let the user that runs this program read and write ${location}`,
        cause: error,
      });
    case "EROFS":
      return new AppError("storage_failed", `${message}, the file system is mounted read-only`, {
        hint: "mount it writable, and look into the system's log for why it is not",
        cause: error,
      });
    case "EFBIG":
      return new AppError("storage_failed", `${message}, the file system or a limit does not allow so large a file`, {
        cause: error,
      });
    case "ENOENT":
    case "ENOTDIR":
    case "EEXIST":
      return new AppError("storage_failed", message, {
        hint: `every part of ${location} must be a directory, or be missing so that it can be made`,
        cause: error,
      });
    case "ESTALE":
    case "ETIMEDOUT":
    case "EHOSTDOWN":
    case "ENOTCONN":
      return new AppError("storage_unreachable", message, {
        hint: "the disk is on a network: see whether it is mounted and its server answers",
        cause: error,
        retryable: true,
      });
    default:
      return new AppError("storage_failed", message, {
        cause: error,
        retryable: errno === "EIO" || errno === "EMFILE" || errno === "ENFILE" || errno === "EBUSY",
      });
  }
}
