// Finds the configuration file: --config, BACKUPCTL_CONFIG, then the usual places.

import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";

export interface FoundFile {
  readonly path: string;
  /** False when it was named, by --config or BACKUPCTL_CONFIG: then it must exist. */
  readonly searched: boolean;
}

export interface FileRequest {
  readonly explicitPath?: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function usualPlaces(cwd: string): readonly string[] {
  return [join(cwd, "backupctl.yml"), join(cwd, "config", "projects.yml"), "/etc/backupctl/backupctl.yml"];
}

export async function findConfigurationFile({ explicitPath, cwd, env }: FileRequest): Promise<FoundFile | undefined> {
  const named = explicitPath ?? env["BACKUPCTL_CONFIG"];
  if (named !== undefined && named !== "") return { path: resolve(cwd, named), searched: false };
  for (const path of usualPlaces(cwd)) if (await exists(path)) return { path, searched: true };
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // A place that cannot be looked into is reported when it is read, not passed over.
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}
