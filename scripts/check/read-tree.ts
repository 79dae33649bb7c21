// The tree as the layout rules see it: every file of src, scripts, tests and changelog with its text.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface TreeFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Tree {
  readonly files: readonly TreeFile[];
}

export interface Breach {
  readonly path: string;
  readonly line?: number;
  readonly problem: string;
}

const folders = ["src", "scripts", "tests", "changelog"];

export async function readTree(root: string): Promise<Tree> {
  const glob = new Bun.Glob(`{${folders.join(",")}}/**/*`);
  const paths = [...glob.scanSync({ cwd: root, dot: true, onlyFiles: true })].toSorted();
  const files = await Promise.all(
    paths.map(async (path) => ({ path: path.replaceAll("\\", "/"), text: await readFile(join(root, path), "utf8") })),
  );
  return { files };
}

export function isCode(path: string): boolean {
  return /\.(ts|tsx|mts|mjs|js)$/.test(path);
}

export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path);
}

/** 1-based line of a position in the text. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
