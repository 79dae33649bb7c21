// A temporary directory for what cannot stream, with the free space checked first; gone after dispose.

import { mkdtemp, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";

export interface TmpSpace extends AsyncDisposable {
  readonly path: string;
}

export async function openTmpSpace(tmpDir: string, neededBytes: number | null, what: string): Promise<TmpSpace> {
  if (neededBytes !== null) {
    const disk = await statfs(tmpDir);
    const freeBytes = disk.bavail * disk.bsize;
    if (freeBytes < neededBytes) {
      throw new AppError(
        "disk_full",
        `${what} needs about ${formatBytes(neededBytes)} in ${tmpDir}, ${formatBytes(freeBytes)} are free`,
        { hint: "set TMP_DIR to a larger disk, or do without parallel jobs", details: { neededBytes, freeBytes } },
      );
    }
  }
  const path = await mkdtemp(join(tmpDir, "postgres-"));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}

export function formatBytes(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
