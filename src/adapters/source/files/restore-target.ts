// A target for an archive of files: its asset paths themselves (`original`), or a directory that gets them below it.

import { mkdirSync, mkdtempSync, renameSync, statfsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { RestorePart, RestoreTarget, SourceContext, TargetRequest, TargetState } from "../../../ports/source.ts";
import { isWithin, showPath, toBytePath, toFsPath, toMemberName } from "./byte-path.ts";
import { extractTar, type ExtractOptions } from "./extract-tar.ts";
import { readOwnerNames } from "./owner-names.ts";
import { removeTree } from "./remove-tree.ts";
import { closePlace, countExisting, listNames, openPlace, swapPlaces, type Place } from "./swap-places.ts";
import { requireEntries } from "./verify-tar.ts";
import { createWarningList } from "./warning-list.ts";

export const originalTarget = "original";

/** Where paths of a backup lie when it is restored into `database`. */
export function pathsAt(database: string, paths: readonly string[]): readonly string[] {
  return database === originalTarget ? paths : paths.map((path) => join(resolve(database), path));
}

export function inspectPaths(paths: readonly string[]): TargetState {
  const found = paths.flatMap((path) => {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return [];
    const entries = stats.isDirectory() ? listNames(toBytePath(path)).length : 1;
    return [{ path, entries, text: stats.isDirectory() ? `${path} with ${entries} entries` : `the file ${path}` }];
  });
  return {
    exists: found.length > 0,
    empty: found.every(({ entries }) => entries === 0),
    description: found.length === 0 ? "nothing" : found.map(({ text }) => text).join(", "),
  };
}

export function openFilesTarget(
  request: TargetRequest,
  configured: readonly string[],
  context: SourceContext,
): RestoreTarget {
  const { database, mode } = request;
  request.signal.throwIfAborted();
  if (mode === "append")
    throw new AppError("unsupported", "files cannot be restored in mode append", {
      hint: "restore into an empty directory and copy what you need, or use mode drop",
    });
  const places: Place[] = [];
  /** Those that the archive holds something for; the others stay as they are. */
  const received = new Set<Place>();
  let committed = false;

  /** Where the backed-up paths go: to themselves, or below the directory. */
  const placed = (paths: readonly string[]): readonly string[] => pathsAt(database, paths);

  function requireEmpty(paths: readonly string[]): void {
    const state = inspectPaths(paths);
    if (mode !== "create" || state.empty) return;
    throw new AppError("target_not_empty", `the target of the files is not empty: ${state.description}`, {
      hint: "choose another directory, or replace what is there with --mode drop",
    });
  }
  requireEmpty(placed(configured));

  function openPlaces(facts: RestorePart["facts"]): void {
    const paths = Array.isArray(facts["paths"]) ? (facts["paths"] as string[]) : configured;
    if (paths.length > 0) {
      requireEmpty(placed(paths));
      for (const path of outermost(paths))
        places.push(openPlace(toMemberName(toBytePath(path)), toBytePath(placed([path])[0] ?? path)));
      return;
    }
    // An archive that nothing is known of needs a directory to itself.
    if (database === originalTarget || mode !== "create")
      throw new AppError("unsupported", "the asset paths of this archive are not known", {
        hint: "restore it into an empty directory with --assets DIRECTORY",
      });
    requireEmpty([resolve(database)]);
    places.push(openPlace("", toBytePath(resolve(database))));
  }

  return {
    swaps: true,
    async restore(part, options, signal) {
      if (places.length === 0) openPlaces(part.facts);
      requireSpace(places[0]!.workDir, part.facts);
      const warnings = createWarningList((level, message) => context.log(level, message));
      const { entries } = await extractTar({
        stream: part.stream,
        ...locateIn(places, received),
        owners: options.noOwner ? null : readOwnerNames(),
        warnings,
        signal,
      });
      requireEntries(entries, part.facts);
      return { warnings: warnings.list() };
    },
    async receive(paths, fill, signal) {
      openPlaces({ paths });
      for (const [index, path] of outermost(paths).entries()) {
        signal.throwIfAborted();
        const place = places[index]!;
        const arrival = `${place.workDir}/arrival`;
        mkdirSync(toFsPath(arrival), { mode: 0o700 });
        await fill(path, String(toFsPath(arrival)));
        takeArrival(place.member === "." ? arrival : `${arrival}/${place.member}`, place.staged);
        received.add(place);
      }
      return { warnings: [] };
    },
    countRows: async () => [],
    async commit() {
      const filled = mode === "create" ? places.find((place) => countExisting(place) > 0) : undefined;
      if (filled !== undefined)
        throw new AppError("target_not_empty", `${showPath(filled.final)} was filled while the restore ran`);
      try {
        swapPlaces(places.filter((place) => place.member === "" || received.has(place)));
      } catch (error) {
        if (error instanceof AppError && error.details["kept"] === true) places.length = 0;
        throw error;
      }
      committed = true;
    },
    async [Symbol.asyncDispose]() {
      // The newest first: the parents that it was given are gone before those who made them look.
      for (const place of places.splice(0).toReversed()) {
        if (committed) removeTree(place.workDir);
        else closePlace(place);
      }
    },
  };
}

/** Unpacks into a directory of its own, with owners and devices left out, and throws it away. */
export function openFilesDrill(context: SourceContext): RestoreTarget {
  const workDir = toBytePath(mkdtempSync(join(context.tmpDir, "drill-")));
  mkdirSync(toFsPath(`${workDir}/new`), { mode: 0o700 });
  const place = {
    member: "",
    final: workDir,
    workDir,
    staged: `${workDir}/new`,
    keepsDirectory: false,
    createdParents: [],
  };
  return {
    swaps: true,
    async restore(part, _options, signal) {
      requireSpace(workDir, part.facts);
      const warnings = createWarningList((level, message) => context.log(level, message));
      const { entries } = await extractTar({
        stream: part.stream,
        ...locateIn([place]),
        owners: null,
        warnings,
        signal,
      });
      requireEntries(entries, part.facts);
      return { warnings: [] };
    },
    async receive(paths, fill) {
      for (const path of outermost(paths)) await fill(path, String(toFsPath(place.staged)));
      return { warnings: [] };
    },
    countRows: async () => [],
    async commit() {},
    async [Symbol.asyncDispose]() {
      removeTree(workDir);
    },
  };
}

function locateIn(
  places: readonly Place[],
  received = new Set<Place>(),
): Pick<ExtractOptions, "locate" | "madeDirectories"> {
  const wanted = places.map((place) => ({
    place,
    prefix: place.member === "" || place.member === "." ? [] : place.member.split("/"),
  }));
  return {
    madeDirectories: new Set(places.filter(({ member }) => member === "").map(({ staged }) => staged)),
    locate(segments) {
      const found = wanted.find(({ prefix }) => prefix.every((segment, index) => segments[index] === segment));
      if (found === undefined) return undefined;
      received.add(found.place);
      return { base: found.place.staged, segments: segments.slice(found.prefix.length) };
    },
  };
}

/** What another program brought becomes the new content, in one rename. */
function takeArrival(arrived: string, staged: string): void {
  try {
    renameSync(toFsPath(arrived), toFsPath(staged));
  } catch (error) {
    throw new AppError("backup_corrupt", `${showPath(arrived)} was not brought, although the backup names it`, {
      hint: "restore from another storage or an older backup",
      cause: error,
    });
  }
}

/** A path inside another one is restored with it. */
export function outermost(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)].filter((path) => !paths.some((other) => other !== path && isWithin(path, other)));
}

function requireSpace(workDir: string, facts: RestorePart["facts"]): void {
  const { dataBytes } = facts;
  if (typeof dataBytes !== "number") return;
  const { bavail, bsize } = statfsSync(toFsPath(workDir) as string);
  const freeBytes = bavail * bsize;
  if (dataBytes <= freeBytes) return;
  throw new AppError("disk_full", `the files need ${dataBytes} bytes, the target has ${freeBytes} free`, {
    hint: "free some space, or choose another directory",
  });
}
