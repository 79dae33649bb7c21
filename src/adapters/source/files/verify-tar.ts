// Reads a whole archive of files and compares what it holds with what the dump said it wrote.

import { AppError } from "../../../domain/error.ts";
import type { RestorePart } from "../../../ports/source.ts";
import { readTar } from "./read-tar.ts";

export async function verifyTar(part: RestorePart, signal: AbortSignal): Promise<void> {
  let entries = 0;
  for await (const member of readTar(part.stream)) {
    signal.throwIfAborted();
    entries++;
    if (member.entry.name === "")
      throw new AppError("backup_corrupt", "the archive of files has a member without a name");
  }
  requireEntries(entries, part.facts);
}

/** The number of members is in the manifest, so that a shorter archive with a proper end is noticed. */
export function requireEntries(entries: number, facts: RestorePart["facts"]): void {
  const expected = facts["entries"];
  if (typeof expected !== "number" || expected === entries) return;
  throw new AppError("backup_corrupt", `the archive of files has ${entries} members, the manifest says ${expected}`, {
    hint: "restore from another storage or another backup",
  });
}
