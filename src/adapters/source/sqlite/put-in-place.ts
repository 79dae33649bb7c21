// The last step of a restore. A write-ahead log of the old database beside the new one would be replayed into it, so
// the old one is first brought to rest, its leftovers are moved away, and only then does the new file take the name.

import { chmod, chown, link, open, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { RestoreMode, RestorePart, SourceContext } from "../../../ports/source.ts";
import { toWriteError } from "./database-file.ts";
import { runChild, SqliteError } from "./run-child.ts";
import { translateSqliteError } from "./translate-error.ts";

interface Placement {
  readonly staged: string;
  readonly path: string;
  /** On the same file system as `path`; takes what is replaced, and is removed afterwards. */
  readonly workDir: string;
  readonly mode: RestoreMode;
  readonly facts: RestorePart["facts"];
  readonly context: SourceContext;
}

const busyMs = 5_000;
const companions = ["-wal", "-shm", "-journal"] as const;

export async function putInPlace(placement: Placement): Promise<void> {
  const { staged, path, workDir } = placement;
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined && existing.size > 0) await quiesce(placement);
  const moved: string[] = [];
  try {
    await takeOver(staged, existing, placement.facts);
    for (const suffix of companions) {
      if ((await stat(path + suffix).catch(() => undefined)) === undefined) continue;
      await rename(path + suffix, join(workDir, `old${suffix}`));
      moved.push(suffix);
    }
    if (existing === undefined) await linkNew(staged, path);
    else await rename(staged, path);
  } catch (error) {
    for (const suffix of moved) await rename(join(workDir, `old${suffix}`), path + suffix);
    throw toWriteError(error, path);
  }
  await syncDirectory(dirname(path));
}

async function quiesce({ path, workDir, mode, context }: Placement): Promise<void> {
  try {
    const { facts } = await runChild({ kind: "quiesce", path, busyMs }, workDir, new AbortController().signal);
    if (mode !== "create" || facts.tables === 0) return;
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error;
    const damaged = error.code.startsWith("SQLITE_CORRUPT") || error.code.startsWith("SQLITE_NOTADB");
    if (!damaged) throw translateSqliteError(error, "restore", path);
    context.log("warn", `the replaced file ${path} is damaged: ${error.message}`);
    return;
  }
  throw new AppError("target_not_empty", `the target ${path} was filled while the restore ran`);
}

/** Owner and mode of the replaced file, else those of the file that was backed up. */
async function takeOver(
  staged: string,
  existing: { readonly mode: number; readonly uid: number; readonly gid: number } | undefined,
  facts: RestorePart["facts"],
): Promise<void> {
  const { fileMode, uid, gid } = facts;
  const recorded =
    typeof fileMode === "number" && typeof uid === "number" && typeof gid === "number"
      ? { mode: fileMode, uid, gid }
      : undefined;
  const wanted = existing ?? recorded;
  if (wanted === undefined) return;
  if (process.geteuid?.() === 0) await chown(staged, wanted.uid, wanted.gid);
  await chmod(staged, wanted.mode & 0o777);
}

/** Unlike a rename, a link never replaces a file that has appeared meanwhile. */
async function linkNew(staged: string, path: string): Promise<void> {
  try {
    await link(staged, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new AppError("target_not_empty", `the target ${path} was created while the restore ran`, { cause: error });
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}
