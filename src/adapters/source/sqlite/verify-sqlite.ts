// Checks a restored copy: its length against its own header, then every page and index by SQLite.

import { open } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";
import { runChild, type ChildAnswer } from "./run-child.ts";
import { translateSqliteError } from "./translate-error.ts";

export async function checkCopy(
  file: string,
  options: { readonly tmpDir: string; readonly countRows: boolean; readonly signal: AbortSignal },
): Promise<ChildAnswer> {
  await requireWholeFile(file);
  const job = { kind: "check", path: file, countRows: options.countRows } as const;
  const answer = await runChild(job, options.tmpDir, options.signal).catch((error: unknown) => {
    throw translateSqliteError(error, "verify", "of the backup");
  });
  if (answer.problems.length > 0)
    throw corrupt(`integrity_check says ${answer.problems[0]}`, { problems: answer.problems });
  return answer;
}

/** SQLite takes an empty file for an empty database, and a cut one for a damaged one only when it meets the gap. */
async function requireWholeFile(path: string): Promise<void> {
  await using file = await open(path, "r");
  const { size: sizeBytes } = await file.stat();
  const header = Buffer.alloc(100);
  const { bytesRead } = await file.read(header, 0, header.length, 0);
  if (bytesRead < header.length || header.toString("latin1", 0, 16) !== "SQLite format 3\0")
    throw corrupt("it does not begin like a SQLite database");
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const expectedBytes = header.readUInt32BE(28) * pageBytes;
  if (expectedBytes !== sizeBytes) throw corrupt(`it has ${sizeBytes} bytes, its header says ${expectedBytes}`);
}

function corrupt(why: string, details: Readonly<Record<string, unknown>> = {}): AppError {
  return new AppError("backup_corrupt", `the SQLite database of the backup is damaged: ${why}`, {
    hint: "restore from another storage or another backup",
    details,
  });
}
