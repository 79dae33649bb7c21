// Removes a directory with everything in it, also what was restored without write access for its owner.

import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { toFsPath } from "./byte-path.ts";

export function removeTree(path: string): void {
  try {
    rmSync(toFsPath(path) as string, { recursive: true, force: true });
  } catch {
    unlock(path);
    rmSync(toFsPath(path) as string, { recursive: true, force: true });
  }
}

function unlock(path: string): void {
  if (lstatSync(toFsPath(path), { throwIfNoEntry: false })?.isDirectory() !== true) return;
  chmodSync(toFsPath(path), 0o700);
  for (const name of readdirSync(toFsPath(path), { encoding: "buffer" })) unlock(`${path}/${name.toString("latin1")}`);
}
