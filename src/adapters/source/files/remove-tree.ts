// Removes a directory with everything in it, also what was restored without write access for its owner, however
// long its paths.

import { chmodSync, lstatSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { toFsPath } from "./byte-path.ts";
import { openLongPaths } from "./long-paths.ts";

export function removeTree(path: string): void {
  try {
    rmSync(toFsPath(path) as string, { recursive: true, force: true });
  } catch {
    using longPaths = openLongPaths();
    remove(path, longPaths.reach);
  }
}

function remove(path: string, reach: (path: string) => string): void {
  const stats = lstatSync(toFsPath(reach(path)), { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) return unlinkSync(toFsPath(reach(path)));
  chmodSync(toFsPath(reach(path)), 0o700);
  for (const name of readdirSync(toFsPath(reach(path)), { encoding: "buffer" }))
    remove(`${path}/${name.toString("latin1")}`, reach);
  rmdirSync(toFsPath(reach(path)));
}
