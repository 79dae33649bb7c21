// One daemon per base directory: a lock of its own, which a dead daemon loses.

import { join } from "node:path";
import { AppError, toAppError } from "../domain/error.ts";
import type { HeldLock, LockHolder } from "../ports/lock.ts";
import { openFileLock } from "../adapters/lock/file/index.ts";

export async function lockDaemon(baseDir: string): Promise<HeldLock> {
  try {
    return await openFileLock({ baseDir: join(baseDir, ".backupctl") }).acquire("daemon", "daemon");
  } catch (error) {
    const failure = toAppError(error);
    if (failure.code !== "lock_held") throw failure;
    const holder = failure.details["holder"] as LockHolder | undefined;
    const who = holder === undefined ? "" : ` (process ${holder.owner.pid} on ${holder.owner.host})`;
    throw new AppError("lock_held", `a daemon runs already for ${baseDir}${who}`, {
      hint: "backupctl config reload makes it read its configuration again",
      cause: failure,
    });
  }
}
