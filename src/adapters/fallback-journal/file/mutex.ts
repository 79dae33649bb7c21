// One at a time among processes, by a lock that the kernel takes away when its holder dies: an empty SQLite file.

import { Database } from "bun:sqlite";

const waitMs = 10_000;
const pollMs = 5;

/**
 * Undefined where the disk has no locks, or when somebody has held it for too long: whoever appends goes on without it,
 * for `append` sees by itself when the file was replaced.
 */
export async function lockMutex(path: string): Promise<Disposable | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const attempt = tryLock(path);
    if (attempt !== "busy") return attempt;
    if (performance.now() > deadline) return undefined;
    await Bun.sleep(pollMs);
  }
}

function tryLock(path: string): Disposable | "busy" | undefined {
  let database: Database | undefined;
  try {
    database = new Database(path, { readwrite: true, create: true });
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA journal_mode = MEMORY"); // No second file beside it.
    database.run("BEGIN EXCLUSIVE");
    const held = database;
    return { [Symbol.dispose]: () => held.close() };
  } catch (error) {
    database?.close();
    const { code } = error as { code?: unknown };
    return typeof code === "string" && /^SQLITE_(BUSY|LOCKED)/.test(code) ? "busy" : undefined;
  }
}
