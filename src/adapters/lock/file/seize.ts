// Takes a lock file, also over a dead owner's, so that two who try at once never both succeed.
//
// A new file appears whole, by a hard link from a temporary one. A dead owner's file is replaced only by the holder of
// the claim that is named after it, itself a file taken in this very way, and only while the file is still the one
// that was judged. The dead cannot remove theirs, and there is one claim per judged file: hence one successor.

import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../../domain/error.ts";
import { formatLockRecord, parseLockRecord, type LockRecord } from "./lock-record.ts";

/** Where there are no hard links a lock file may be seen half written, for this long. */
const writingMs = 500;
const noHardLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

export interface Seizure {
  readonly path: string;
  readonly record: LockRecord;
  isDead(record: LockRecord): boolean;
  /** Called when a dead owner's file was replaced. */
  onTakeover?(dead: LockRecord): void;
}

/** Undefined when the file is ours now, else who is in the way. */
export async function seize(seizure: Seizure): Promise<LockRecord | undefined> {
  const { path, record } = seizure;
  for (;;) {
    if (await publish(path, record, link)) return undefined;
    const found = await readLockFile(path);
    if (found === undefined) continue;
    // A network disk may say that the name exists when its first answer, that we made it, was lost.
    if (found.token === record.token) return undefined;
    if (!seizure.isDead(found)) return found;

    const claim = join(dirname(path), `.lock.${found.token}.claim`);
    const rival = await seize({ ...seizure, path: claim });
    if (rival !== undefined) return rival;
    try {
      const again = await readLockFile(path);
      if (again?.token !== found.token) continue;
      await publish(path, record, rename);
      seizure.onTakeover?.(found);
      return undefined;
    } finally {
      await rm(claim, { force: true });
    }
  }
}

/** Undefined when there is none; throws `lock_held` for a file that is none of ours. */
export async function readLockFile(path: string): Promise<LockRecord | undefined> {
  for (;;) {
    let text: string;
    let ageMs: number;
    try {
      text = await readFile(path, "utf8");
      ageMs = Date.now() - (await stat(path)).mtimeMs;
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
    const record = parseLockRecord(text);
    if (record !== undefined) return record;
    if (Math.abs(ageMs) > writingMs) break;
    await sleep(50);
  }
  throw new AppError("lock_held", `the lock file ${path} cannot be read as a lock, so its owner is unknown`, {
    hint: `make sure that nothing runs for this project, then remove ${path}`,
  });
}

/** False when the name is taken. */
async function publish(path: string, record: LockRecord, put: typeof link): Promise<boolean> {
  const temporary = join(dirname(path), `.lock.${record.token}.new`);
  try {
    // Durable before it gets its name: after a power cut there is a whole lock file or none.
    await writeNew(temporary, record);
    await put(temporary, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    if (put === rename || !isErrno(error, ...noHardLinks)) throw error;
    return await writeNew(path, record).then(
      () => true,
      (reason: unknown) => {
        if (isErrno(reason, "EEXIST")) return false;
        throw reason;
      },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeNew(path: string, record: LockRecord): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(formatLockRecord(record));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
