import { homedir } from "node:os";
import { join } from "node:path";

/** `~/x` is below the home directory, as in ssh's own settings. */
export function expandHome(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
