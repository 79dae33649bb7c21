// A little room that is kept on the disk of the locks: a prune is what empties a full disk, and a prune needs its lock.

import { randomBytes } from "node:crypto";
import { open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

const reserveBytes = 256 * 1024;
/** More than a lock needs, so that the first who asks does not take all. */
const stepBytes = 64 * 1024;

const reservePath = (baseDir: string): string => join(baseDir, ".lock-reserve");

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** Fills it up again; where there is no room for that, it stays as it is. */
export async function keepReserve(baseDir: string): Promise<void> {
  const path = reservePath(baseDir);
  const sizeBytes = await sizeOf(path);
  if (sizeBytes >= reserveBytes) return;
  try {
    await using file = await open(path, "a", 0o600);
    // Random, because zeros take no room on a disk that compresses.
    await file.writeFile(randomBytes(reserveBytes - sizeBytes));
  } catch {
    await truncate(path, sizeBytes).catch(() => {});
  }
}

/** False when there is nothing left to give up. */
export async function spendReserve(baseDir: string): Promise<boolean> {
  const path = reservePath(baseDir);
  const sizeBytes = await sizeOf(path);
  if (sizeBytes === 0) return false;
  return truncate(path, Math.max(0, sizeBytes - stepBytes)).then(
    () => true,
    () => false,
  );
}
