// A storage below an asset path is backed up with it: every backup would contain the ones before.

import { posix } from "node:path";
import type { SourceSpec, StorageSpec } from "../../domain/project/project.ts";

export interface BackupsInsideAssets {
  readonly assetPath: string;
  readonly storagePath: string;
}

/** Storages on local paths, and the base directory, that lie in an asset path which does not exclude them. */
export function findBackupsInsideAssets(
  sources: readonly SourceSpec[],
  storages: readonly StorageSpec[],
  baseDir: string,
): readonly BackupsInsideAssets[] {
  const places = [baseDir, ...storages.map(({ settings }) => pathOf(settings))].filter((path) => path !== undefined);
  return sources.flatMap(({ settings }) => {
    const { paths, exclude } = listsOf(settings);
    return paths.flatMap((assetPath) =>
      [...new Set(places)]
        .filter((place) => isInside(place, assetPath) && !exclude.some((pattern) => isExcluded(pattern, place)))
        .map((storagePath) => ({ assetPath, storagePath })),
    );
  });
}

function isInside(path: string, directory: string): boolean {
  const relative = posix.relative(directory, path);
  return relative === "" || (!relative.startsWith("..") && !posix.isAbsolute(relative));
}

/** Absolute patterns only: whoever excludes by name alone is reminded once too often rather than once too seldom. */
function isExcluded(pattern: string, place: string): boolean {
  const prefix = pattern.replace(/\/\*{0,2}$/, "");
  return prefix.startsWith("/") && isInside(place, prefix);
}

function pathOf(settings: unknown): string | undefined {
  const path = (settings as { readonly path?: unknown } | null)?.path;
  return typeof path === "string" && posix.isAbsolute(path) ? path : undefined;
}

function listsOf(settings: unknown): { readonly paths: readonly string[]; readonly exclude: readonly string[] } {
  const { paths, exclude } = settings as { readonly paths?: unknown; readonly exclude?: unknown };
  const texts = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
  return { paths: texts(paths).filter((path) => posix.isAbsolute(path)), exclude: texts(exclude) };
}
