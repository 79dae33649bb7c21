// Where a throw-away server may live and as whom: such servers refuse to run as root and want short socket paths.

import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { AppError } from "../../domain/error.ts";

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined when we are not root; else the first of the system's users who has one of these names. Throws `restore_failed`. */
export async function findIdentity(server: string, names: readonly string[]): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const found = names.map((name) => users.find((user) => user[0] === name)).find((user) => user !== undefined);
  if (found === undefined) {
    throw new AppError(
      "restore_failed",
      `a throw-away ${server} server cannot run as root, and there is no user ${names.join(" or ")}`,
      { hint: "run backupctl as another user, or drill on the project's server" },
    );
  }
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

/** The given directory, unless its path is too long for a socket or the server's user may not enter it. */
export async function chooseBaseDir(
  tmpDir: string,
  identity: Identity | undefined,
  longestPathBytes: number,
): Promise<string> {
  if (Buffer.byteLength(tmpDir) <= longestPathBytes && (await mayEnter(tmpDir, identity))) return tmpDir;
  return existsSync("/tmp") ? "/tmp" : tmpdir();
}

async function mayEnter(dir: string, identity: Identity | undefined): Promise<boolean> {
  if (identity === undefined) return true;
  for (let at = dir; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (dirname(at) === at) return true;
  }
}
