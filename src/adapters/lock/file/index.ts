// One lock per project: `{baseDir}/{name}/.lock`, a small JSON file that names its owner.

import { randomBytes } from "node:crypto";
import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import { namePattern } from "../../../domain/project/name.ts";
import type { HeldLock, Lock, LockHolder } from "../../../ports/lock.ts";
import { lockHeld } from "../lock-held.ts";
import { currentOwner, judgeOwner } from "../owner.ts";
import { createWaitingLine } from "../wait-in-turn.ts";
import { isBeaconOut, lightBeacon, type Beacon } from "./beacon.ts";
import { holderOf, type LockRecord } from "./lock-record.ts";
import { keepReserve, spendReserve } from "./reserve.ts";
import { isErrno, readLockFile, seize } from "./seize.ts";

export interface FileLockOptions {
  readonly baseDir: string;
  /** Told when a dead owner's lock was taken over. */
  onTakeover?(name: string, dead: LockHolder): void;
}

const diskFull = ["ENOSPC", "EDQUOT"];

export function openFileLock(options: FileLockOptions): Lock {
  const line = createWaitingLine();

  const directoryOf = (name: string): string => {
    if (!namePattern.test(name)) throw new AppError("usage", `${JSON.stringify(name)} is no name of a project`);
    return join(options.baseDir, name);
  };

  async function findDead(name: string): Promise<LockRecord | undefined> {
    const directory = directoryOf(name);
    const record = await readLockFile(join(directory, ".lock"));
    return record !== undefined && isDead(directory, record) ? record : undefined;
  }

  /** Read before anything is written: whoever waits looks often. */
  async function findLive(name: string): Promise<LockRecord | undefined> {
    const directory = directoryOf(name);
    const record = await readLockFile(join(directory, ".lock"));
    return record === undefined || isDead(directory, record) ? undefined : record;
  }

  async function acquire(name: string, purpose: string): Promise<HeldLock> {
    const directory = directoryOf(name);
    try {
      const live = await findLive(name);
      if (live !== undefined) throw refusal(directory, name, live);
      return await takeOnAnyDisk(directory, name, purpose);
    } catch (error) {
      throw translate(error, directory);
    }
  }

  async function takeOnAnyDisk(directory: string, name: string, purpose: string): Promise<HeldLock> {
    try {
      const held = await take(directory, name, purpose);
      await keepReserve(options.baseDir);
      return held;
    } catch (error) {
      if (!isErrno(error, ...diskFull) || !(await spendReserve(options.baseDir))) throw error;
      return await take(directory, name, purpose);
    }
  }

  async function take(directory: string, name: string, purpose: string): Promise<HeldLock> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const token = randomBytes(8).toString("hex");
    const record = { owner: currentOwner(), purpose, since: new Date().toISOString(), token };
    const beacon = lightBeacon(beaconPath(directory, token));
    let isOurs = false;
    try {
      let dead: LockRecord | undefined;
      const rival = await seize({
        path: join(directory, ".lock"),
        record,
        isDead: (found) => isDead(directory, found),
        onTakeover: (found) => void (dead = found),
      });
      if (rival !== undefined) throw refusal(directory, name, rival);
      isOurs = true;
      if (dead !== undefined) {
        await removeRemains(directory);
        options.onTakeover?.(name, holderOf(dead));
      }
      return heldLock(directory, name, token, beacon);
    } finally {
      if (!isOurs) beacon?.[Symbol.dispose]();
    }
  }

  return {
    acquire,
    acquireOrWait: (name, purpose, signal) => line.wait(name, () => acquire(name, purpose), signal),
    async findHolder(name) {
      try {
        const live = await findLive(name);
        return live && holderOf(live);
      } catch (error) {
        throw translate(error, directoryOf(name));
      }
    },
    async findDead(name) {
      try {
        const dead = await findDead(name);
        return dead && holderOf(dead);
      } catch (error) {
        throw translate(error, directoryOf(name));
      }
    },
  };
}

function heldLock(directory: string, name: string, token: string, beacon: Beacon | undefined): HeldLock {
  let released: Promise<void> | undefined;
  async function release(): Promise<void> {
    try {
      const path = join(directory, ".lock");
      const found = await readLockFile(path).catch(() => undefined);
      if (found?.token === token) await unlink(path);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw translate(error, directory);
    } finally {
      beacon?.[Symbol.dispose]();
    }
  }
  return { name, [Symbol.asyncDispose]: () => (released ??= release()) };
}

function isDead(directory: string, { owner, token }: LockRecord): boolean {
  const state = judgeOwner(owner);
  if (state !== "unseen") return state === "dead";
  // The kernel speaks only for processes of its own boot.
  return owner.bootId === currentOwner().bootId && isBeaconOut(beaconPath(directory, token));
}

function beaconPath(directory: string, token: string): string {
  return join(directory, `.lock.${token}.alive`);
}

/** What somebody who died in the midst of locking left: temporary files, claims and signs of life. */
async function removeRemains(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!/^\.lock\.[0-9a-f]{16}\.(new|claim|alive)$/.test(name)) continue;
    const path = join(directory, name);
    const gone = name.endsWith(".alive") ? isBeaconOut(path) : await isRemains(directory, path);
    if (gone) await unlink(path).catch(() => {});
  }
}

async function isRemains(directory: string, path: string): Promise<boolean> {
  const record = await readLockFile(path).catch(() => undefined);
  return record !== undefined && isDead(directory, record);
}

function refusal(directory: string, name: string, record: LockRecord): AppError {
  const unseen = judgeOwner(record.owner) === "unseen";
  const hint = `when that process is certainly gone, remove ${join(directory, ".lock")}, then run again`;
  return lockHeld(name, holderOf(record), unseen ? hint : undefined);
}

function translate(error: unknown, directory: string): unknown {
  if (error instanceof AppError || !(error instanceof Error) || !("code" in error)) return error;
  const { code } = error;
  const isFull = isErrno(error, ...diskFull);
  return new AppError(isFull ? "disk_full" : "state_failed", `locking in ${directory} failed: ${String(code)}`, {
    hint: isFull ? "free some space, then run again" : `let the user that runs this program write to ${directory}`,
    cause: error,
  });
}
