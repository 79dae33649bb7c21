// restic's cache of one repository: a directory named by the repository's id.

import { readdir, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

export type CacheVariables = Readonly<Record<string, string | undefined>>;

/** `env`: what restic is started with. */
function directoryOf(repositoryId: string | null, env: CacheVariables): string {
  const own = { ...process.env, ...env };
  const base = own["RESTIC_CACHE_DIR"] ?? join(own["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "restic");
  return join(base, repositoryId ?? "unknown");
}

export async function cacheOf(
  repositoryId: string | null,
  env: CacheVariables,
): Promise<{ path: string; sizeBytes: number }> {
  const path = directoryOf(repositoryId, env);
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

export async function removeCache(repositoryId: string | null, env: CacheVariables): Promise<void> {
  if (repositoryId !== null) await rm(directoryOf(repositoryId, env), { recursive: true, force: true });
}
