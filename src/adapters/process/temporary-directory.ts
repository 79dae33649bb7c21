// One temporary directory per process, below TMP_DIR. Its name tells its owner, so that what a killed process left,
// password files among it, is removed by the next one that starts on this host.

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RunOwner } from "../../domain/run/run.ts";
import { isOwnerDead } from "../lock/owner.ts";

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
  /** Made on first use, 0700. */
  ensure(): Promise<string>;
}

const separator = "~";

export function openTemporaryDirectory(root: string, owner: RunOwner): TemporaryDirectory {
  const path = join(root, formatName(owner));
  let made: Promise<string> | undefined;
  async function make(): Promise<string> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await sweep(root);
    return path;
  }
  return {
    path,
    ensure: () => (made ??= make()),
    async [Symbol.asyncDispose]() {
      if (made === undefined) return;
      await made.catch(() => {});
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** What cannot be removed now is tried again by the next process. */
async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root).catch(() => [])) {
    const owner = parseName(name);
    if (owner === undefined || !isOwnerDead(owner)) continue;
    await rm(join(root, name), { recursive: true, force: true }).catch(() => {});
  }
}

function formatName(owner: RunOwner): string {
  return ["process", owner.pid, owner.startTicks, owner.bootId, owner.host]
    .map((part) => encodeURIComponent(part))
    .join(separator);
}

function parseName(name: string): RunOwner | undefined {
  const [kind, pid, startTicks, bootId, host] = name.split(separator).map(decodePart);
  if (kind !== "process" || host === undefined) return undefined;
  return { pid: Number(pid), startTicks: startTicks!, bootId: bootId!, host };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
