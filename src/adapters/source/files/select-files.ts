// What another program has to save so that it holds the same as a dump would.

import { lstatSync, realpathSync } from "node:fs";
import type { FileSelection } from "../../../ports/source.ts";
import { findFault, requireSomePath, type FilesSettings } from "./dump-files.ts";
import { anchorExcludes } from "./exclude-outside.ts";
import { outermost } from "./restore-target.ts";

export function selectFiles(settings: FilesSettings, tmpDir: string): FileSelection {
  requireSomePath(settings.paths);
  const warnings: string[] = [];
  const paths: string[] = [];
  for (const path of settings.paths) {
    const fault = findFault(path);
    if (fault !== undefined) {
      warnings.push(fault === "ENOENT" ? `asset path is missing: ${path}` : `could not be read (${fault}): ${path}`);
      continue;
    }
    // A link would be saved as a link: what it stands for is what is meant.
    const real = lstatSync(path).isSymbolicLink() ? realpathSync(path) : path;
    if (real !== path) warnings.push(`asset path ${path} is a link, it is saved as ${real}`);
    paths.push(real);
  }
  const roots = outermost(paths);
  return {
    paths: roots,
    exclude: anchorExcludes([...settings.exclude, `${escapePattern(tmpDir)}/**`], roots),
    warnings,
  };
}

function escapePattern(path: string): string {
  return path.replaceAll(/[*?[\]{}\\]/g, String.raw`\$&`);
}
