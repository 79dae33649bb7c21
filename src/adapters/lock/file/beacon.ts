// A sign of life that the kernel takes away when its process ends, seen by every container that shares the disk and the
// kernel: an empty SQLite file with an exclusive lock. It decides only where pids cannot be compared.

import { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, rmSync } from "node:fs";

export interface Beacon extends Disposable {}

/** Undefined where the disk has no such locks; then nobody is declared dead by it. */
export function lightBeacon(path: string): Beacon | undefined {
  const database = openLocked(path, true);
  if (typeof database === "string") {
    rmSync(path, { force: true });
    return undefined;
  }
  return {
    [Symbol.dispose]() {
      rmSync(path, { force: true });
      database.close();
    },
  };
}

/** True only when the kernel says that nobody holds it. Never ask for one of this process: that would put it out. */
export function isBeaconOut(path: string): boolean {
  if (!existsSync(path)) return false;
  const database = openLocked(path, false);
  if (typeof database === "string") return false;
  database.close();
  return true;
}

function openLocked(path: string, create: boolean): Database | "refused" {
  let database: Database | undefined;
  try {
    // SQLite would make it with the umask's mode.
    if (create) closeSync(openSync(path, "a", 0o600));
    database = new Database(path, { readwrite: true, create });
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA journal_mode = MEMORY"); // No second file beside it.
    database.run("BEGIN EXCLUSIVE");
    return database;
  } catch {
    database?.close();
    return "refused";
  }
}
