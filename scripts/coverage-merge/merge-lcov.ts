// The lcov files of all test processes as one: per file and line, how often it ran in total.

import { readFile } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";

/** Line number to number of runs. */
export type Hits = Map<number, number>;

export async function mergeLcov(folder: string): Promise<{ merged: ReadonlyMap<string, Hits>; reports: number }> {
  const merged = new Map<string, Hits>();
  const paths = [...new Bun.Glob("**/lcov.info").scanSync({ cwd: folder, onlyFiles: true })];
  for (const path of paths) addReport(await readFile(join(folder, path), "utf8"), merged);
  return { merged, reports: paths.length };
}

/** Reads one report into what is known. Exported for its test. */
export function addReport(lcov: string, merged: Map<string, Hits>): void {
  let hits: Hits | undefined;
  for (const line of lcov.split("\n")) {
    if (line.startsWith("SF:")) {
      const path = line.slice(3).trim();
      const name = (isAbsolute(path) ? relative(process.cwd(), path) : path).replaceAll("\\", "/");
      hits = merged.get(name) ?? new Map<number, number>();
      merged.set(name, hits);
    } else if (line.startsWith("DA:") && hits !== undefined) {
      const [number = 0, count = 0] = line.slice(3).split(",").map(Number);
      hits.set(number, (hits.get(number) ?? 0) + count);
    }
  }
}
