// `{baseDir}/.fallback-audit/fallback.jsonl`: one JSON object per line, appended and synced, cleared by replacing the file.

import { constants } from "node:fs";
import { chmod, mkdir, open, readFile, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { FallbackJournal, JournalEntry } from "../../../ports/fallback-journal.ts";
import { formatLine, parseLines } from "./lines.ts";
import { lockMutex } from "./mutex.ts";

const attempts = 5;

export function openFileJournal(options: { readonly baseDir: string }): FallbackJournal {
  const directory = join(options.baseDir, ".fallback-audit");
  const path = join(directory, "fallback.jsonl");
  const rejectedPath = join(directory, "rejected.jsonl");
  const exclusively = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      using _mutex = await lockMutex(join(directory, ".mutex"));
      return await work();
    } catch (error) {
      throw translate(error, path);
    }
  };

  async function remove(ids: readonly string[]): Promise<void> {
    const gone = new Set(ids);
    const text = await readText(path);
    if (text === "") return;
    const kept = text.split("\n").filter((line) => {
      const [entry] = parseLines(line).entries;
      return line.trim() !== "" && (entry === undefined || !gone.has(entry.id));
    });
    await replace(path, kept.map((line) => `${line}\n`).join(""));
  }

  return {
    location: path,
    async append(...entries) {
      if (entries.length === 0) return;
      await exclusively(() => appendTo(path, entries.map(formatLine).join("")));
    },
    async read() {
      try {
        const { entries, damaged } = parseLines(await readText(path));
        return { entries: firstOfEach(entries), damaged };
      } catch (error) {
        throw translate(error, path);
      }
    },
    remove: (ids) => (ids.length === 0 ? Promise.resolve() : exclusively(() => remove(ids))),
    reject: (entry, reason) =>
      exclusively(async () => {
        await appendTo(rejectedPath, `${JSON.stringify({ reason, ...entry })}\n`);
        await remove([entry.id]);
      }),
  };
}

async function appendTo(path: string, lines: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const handle = await open(path, constants.O_APPEND | constants.O_CREAT | constants.O_RDWR, 0o600);
    try {
      const { size, ino } = await handle.stat();
      // After what a crash or a full disk left of a line, a new one begins.
      const bytes = Buffer.from((await endsInMidLine(handle, size)) ? `\n${lines}` : lines);
      const { bytesWritten } = await handle.write(bytes);
      if (bytesWritten < bytes.length) throw new AppError("disk_full", `only part of a line went to ${path}`);
      await handle.sync();
      if (size === 0) await syncDirectory(dirname(path));
      // Somebody who does not know our lock may have replaced the file meanwhile: once more; an id is read only once.
      if (attempt >= attempts || (await stat(path).catch(() => undefined))?.ino === ino) return;
    } finally {
      await handle.close();
    }
  }
}

async function endsInMidLine(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  await handle.read(last, 0, 1, size - 1);
  return last[0] !== 0x0a;
}

/** Durable before it takes the place of the old one. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const handle = await open(temporary, "w", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, 0o600);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function firstOfEach(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  const first = new Map<string, JournalEntry>();
  for (const entry of entries) if (!first.has(entry.id)) first.set(entry.id, entry);
  return [...first.values()];
}

function translate(error: unknown, path: string): AppError {
  if (error instanceof AppError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const full = code === "ENOSPC" || code === "EDQUOT";
  const reason = error instanceof Error ? error.message : String(error);
  return new AppError(full ? "disk_full" : "state_failed", `could not use the fallback journal ${path}: ${reason}`, {
    hint: full ? "free some space on its disk" : `let the user that runs this program write to ${dirname(path)}`,
    cause: error,
    retryable: full,
  });
}
