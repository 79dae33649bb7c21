// One dump of the asset paths: a single part, and what it left out or found changing.

import { accessSync, constants, lstatSync, type Stats } from "node:fs";
import { AppError } from "../../../domain/error.ts";
import type { Dump, DumpRequest, SourceContext } from "../../../ports/source.ts";
import { openBlockThread } from "../../thread/open-block-thread.ts";
import type { ArchiveNote, ArchiveRequest, ArchiveResult } from "./archive-worker.ts";
import { toBytePath, toFsPath } from "./byte-path.ts";
import { compileExcludes } from "./exclude.ts";
import { walkTree, type Found } from "./walk-tree.ts";
import { createWarningList } from "./warning-list.ts";

export interface FilesSettings {
  /** Absolute and normal. */
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
}

/** Why a path cannot be read (`ENOENT`), or undefined. */
export function findFault(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unknown error";
  }
}

export function requireSomePath(paths: readonly string[]): void {
  const faults = paths.map((path) => ({ path, fault: findFault(path) }));
  if (faults.some(({ fault }) => fault === undefined)) return;
  const list = faults.map(({ path, fault }) => `${path} (${fault})`).join(", ");
  throw new AppError("source_failed", `none of the asset paths can be read: ${list}`, {
    hint: "check assets.paths, and that the directories are mounted here",
  });
}

export function dumpFiles(settings: FilesSettings, context: SourceContext, request: DumpRequest): Dump {
  const { signal } = request;
  signal.throwIfAborted();
  requireSomePath(settings.paths);
  const startedAt = new Date().toISOString();
  const thread = openBlockThread({
    worker: "source/files/archive-worker",
    request: {
      paths: settings.paths,
      exclude: settings.exclude,
      skip: [context.tmpDir],
    } satisfies ArchiveRequest,
    hashApart: true,
    signal,
    onNote(note) {
      const { level, message } = note as ArchiveNote;
      context.log(level, message);
    },
  });
  return {
    serverVersion: null,
    toolVersion: null,
    async *parts() {
      yield { suffix: "", format: "files.tar", stream: thread.stream, digest: thread.digest };
    },
    async summary() {
      const { counts, warnings } = thread.result() as ArchiveResult;
      return {
        consistencyPoint: { at: startedAt, token: null },
        rowCounts: null,
        warnings,
        facts: { paths: settings.paths, ...counts },
      };
    },
    async [Symbol.asyncDispose]() {
      await thread[Symbol.asyncDispose]();
    },
  };
}

/** Sizes of what a dump would hold; null when counting takes longer than the limit. */
export async function estimateBytes(
  settings: FilesSettings,
  signal: AbortSignal,
  limitMs = 50,
): Promise<number | null> {
  const started = performance.now();
  let bytes = 1024;
  let seen = 0;
  const quiet = createWarningList(() => {});
  const roots = settings.paths.map(toBytePath);
  for (const found of walkTree({
    roots,
    excludes: compileExcludes(settings.exclude),
    skip: new Set(),
    warnings: quiet,
  })) {
    bytes += 1536;
    if (found.stats === null) {
      const stats = statsOf(found);
      bytes += Math.min(stats?.size ?? 0, (stats?.blocks ?? 0) * 512 + 4096);
    }
    if (++seen % 1_000 !== 0) continue;
    if (performance.now() - started > limitMs) return null;
    await new Promise(setImmediate);
    signal.throwIfAborted();
  }
  return bytes;
}

/** Undefined when it has gone, or cannot be seen: whoever reads it will tell. */
function statsOf(found: Found): Stats | undefined {
  try {
    return lstatSync(toFsPath(found.reach()), { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
