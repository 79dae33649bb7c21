// Our own lock of a repository comes before the program's: backups and reads go side by side, what removes or rewrites
// goes alone. The program's lock fails or waits for minutes where this one gives each its turn, and it knows its dead.

import { createHash } from "node:crypto";
import type { HeldLock } from "../../ports/lock.ts";
import type { Repository } from "../../ports/repository.ts";
import type { SharedLock } from "../lock/shared-lock.ts";

/** What the program itself does alone; everything else of it goes side by side. */
const exclusiveCommands: ReadonlySet<string> = new Set([
  "check",
  "forget",
  "migrate",
  "prune",
  "recover",
  "repair",
  "rewrite",
  "tag",
]);

/** `address` is the repository's own: all projects and processes that use it share the lock. */
export function withRepositoryLock(
  repository: Repository,
  locks: SharedLock,
  address: string,
  log: (message: string) => void,
): Repository {
  const name = `repository-${createHash("sha256").update(address).digest("hex").slice(0, 20)}`;

  async function hold(mode: "shared" | "exclusive", purpose: string, signal: AbortSignal): Promise<HeldLock> {
    const timer = setTimeout(() => log(`${purpose} waits for its turn at ${repository.location}`), 2_000);
    try {
      return await (mode === "shared"
        ? locks.acquireShared(name, purpose, signal)
        : locks.acquireExclusive(name, purpose, signal));
    } finally {
      clearTimeout(timer);
    }
  }
  async function shared<T>(purpose: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await using _held = await hold("shared", purpose, signal);
    return await work();
  }
  async function alone<T>(purpose: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await using _held = await hold("exclusive", purpose, signal);
    return await work();
  }

  return {
    ...repository,
    init: (signal) => alone("init", signal, () => repository.init(signal)),
    backup: (request) => shared("backup", request.signal, () => repository.backup(request)),
    listSnapshots: (filter, signal) => shared("snapshots", signal, () => repository.listSnapshots(filter, signal)),
    removeSnapshots: (ids, signal) => alone("forget", signal, () => repository.removeSnapshots(ids, signal)),
    prune: (signal) => alone("prune", signal, () => repository.prune(signal)),
    check: (options, signal) => alone("check", signal, () => repository.check(options, signal)),
    changeTags: (id, changes, signal) => alone("tag", signal, () => repository.changeTags(id, changes, signal)),
    async *readFile(id, path, signal) {
      await using _held = await hold("shared", "dump", signal);
      yield* repository.readFile(id, path, signal);
    },
    listDirectory: (id, path, signal) => shared("ls", signal, () => repository.listDirectory(id, path, signal)),
    restore: (id, target, options, signal) =>
      shared("restore", signal, () => repository.restore(id, target, options, signal)),
    stats: (signal) => shared("stats", signal, () => repository.stats(signal)),
    passThrough(args, signal) {
      const command = commandOf(args);
      const work = (): Promise<number> => repository.passThrough(args, signal);
      // Its own purpose is to look at locks: it must not wait for one.
      if (command === "unlock" || args.includes("--help")) return work();
      return exclusiveCommands.has(command) ? alone(command, signal, work) : shared(command, signal, work);
    },
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

/**
 * An option before the command may have a value, which looks like a command. A word that needs the repository for itself is
 * taken for the command wherever it stands: to wait too often harms less than to go on beside a prune.
 */
function commandOf(args: readonly string[]): string {
  const special = args.find((argument) => exclusiveCommands.has(argument) || argument === "unlock");
  return special ?? args.find((argument) => !argument.startsWith("-")) ?? "restic";
}
