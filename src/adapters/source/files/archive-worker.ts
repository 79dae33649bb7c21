// Reads the asset paths in a thread of its own: most of the time is spent in system calls, one after the other.

import type { LogLevel } from "../../../domain/run/run.ts";
import { serveBlocks } from "../../thread/serve-blocks.ts";
import { archivePaths, type ArchiveCounts } from "./archive-paths.ts";
import { toBytePath } from "./byte-path.ts";
import { compileExcludes } from "./exclude.ts";
import { readOwnerNames } from "./owner-names.ts";
import { createWarningList } from "./warning-list.ts";

export interface ArchiveRequest {
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** Directories that are left out: our own. */
  readonly skip: readonly string[];
}

export interface ArchiveNote {
  readonly level: LogLevel;
  readonly message: string;
}

export interface ArchiveResult {
  readonly counts: ArchiveCounts;
  readonly warnings: readonly string[];
}

serveBlocks<ArchiveRequest>(({ paths, exclude, skip }, out): ArchiveResult => {
  const warnings = createWarningList((level, message) => out.note({ level, message } satisfies ArchiveNote));
  const counts = { entries: 0, files: 0, directories: 0, bytes: 0, dataBytes: 0 };
  archivePaths({
    roots: paths.map(toBytePath),
    excludes: compileExcludes(exclude),
    skip: new Set(skip.map(toBytePath)),
    warnings,
    owners: readOwnerNames(),
    counts,
    out,
  });
  return { counts, warnings: warnings.list() };
});
