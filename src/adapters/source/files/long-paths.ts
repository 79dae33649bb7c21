// A path longer than the system takes in one call (4095 bytes on Linux) is reached by way of an open directory on it.
// Trees grow that deep by accident or malice, and a place to restore to is longer than the original one.

import { closeSync, constants, openSync } from "node:fs";
import { toFsPath } from "./byte-path.ts";

export interface LongPaths extends Disposable {
  /** The same place by a path that is short enough, until it is asked for the next one. Throws what opening throws. */
  reach(path: string): string;
}

const longestBytes = 4000;
const mostOpen = 64;
const canReach = process.platform === "linux";

export function openLongPaths(): LongPaths {
  const open = new Map<string, number>();

  function closeAll(): void {
    for (const fd of open.values()) closeSync(fd);
    open.clear();
  }

  return {
    reach(path) {
      if (path.length <= longestBytes || !canReach) return path;
      if (open.size > mostOpen) closeAll();
      let from = 0;
      let base = "";
      while (path.length - from + base.length > longestBytes) {
        const to = path.lastIndexOf("/", from + longestBytes - base.length);
        if (to <= from) break;
        const directory = path.slice(0, to);
        let fd = open.get(directory);
        if (fd === undefined) {
          fd = openSync(toFsPath(base + path.slice(from, to)), constants.O_RDONLY | constants.O_DIRECTORY);
          open.set(directory, fd);
        }
        base = `/proc/self/fd/${fd}`;
        from = to;
      }
      return base + path.slice(from);
    },
    [Symbol.dispose]: closeAll,
  };
}
