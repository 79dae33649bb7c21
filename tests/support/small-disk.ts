// A file system of a few megabytes, for what happens when it is full. Needs root.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";

export interface SmallDisk extends AsyncDisposable {
  resize(sizeBytes: number): void;
}

export function mountSmallDisk(path: string, sizeBytes: number): SmallDisk {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  mount(["-t", "tmpfs", "-o", `size=${sizeBytes},mode=0700`, "tmpfs", path]);
  return {
    resize: (size) => mount(["-o", `remount,size=${size}`, path]),
    async [Symbol.asyncDispose]() {
      spawnSync("umount", ["-l", path]);
    },
  };
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync("mount", args);
  if (status !== 0) throw new Error(`mount ${args.join(" ")}: ${stderr.toString()}`);
}
