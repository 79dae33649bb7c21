// The relative imports of a file: static, type-only, re-exported and dynamic alike. A technology that only names
// another one's types depends on it as much as one that calls it.

import { posix } from "node:path";
import { lineAt, type TreeFile } from "./read-tree.ts";

export interface RelativeImport {
  /** Relative to the root. */
  readonly target: string;
  readonly line: number;
}

const patterns = [
  /\b(?:import|export)\b[^'"`;]*?\bfrom\s*["']([^"']+)["']/g,
  /\bimport\s*["']([^"']+)["']/g,
  /\b(?:import|require|resolve)\s*\(\s*["'`]([^"'`]+)["'`]/g,
  /\bnew\s+URL\s*\(\s*["'`]([^"'`]+)["'`]\s*,\s*import\.meta/g,
];

export function findRelativeImports({ path, text }: TreeFile): RelativeImport[] {
  return patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)]
      .filter((match) => match[1]?.startsWith("."))
      .map((match) => ({
        target: posix.normalize(posix.join(posix.dirname(path), match[1] ?? "")),
        line: lineAt(text, match.index),
      })),
  );
}
