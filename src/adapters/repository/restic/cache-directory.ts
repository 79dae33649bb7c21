// restic's cache of one repository: a directory named by the repository's id.

import { readdir, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

function directoryOf(repositoryId: string | null): string {
  const base =
    process.env["RESTIC_CACHE_DIR"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "restic");
  return join(base, repositoryId ?? "unknown");
}

export async function cacheOf(repositoryId: string | null): Promise<{ path: string; sizeBytes: number }> {
  const path = directoryOf(repositoryId);
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  );
  return { path, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

export async function removeCache(repositoryId: string | null): Promise<void> {
  if (repositoryId !== null) await rm(directoryOf(repositoryId), { recursive: true, force: true });
}
