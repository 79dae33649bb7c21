import type { Project } from "../domain/project/project.ts";
import type { Deps } from "./deps.ts";

/**
 * Stretching a password takes a quarter of a second, on a core of its own: it is begun before anything is looked at, and
 * whoever opens the cipher later gets the same keys. Its failure is told there.
 */
export function beginStretching(deps: Pick<Deps, "openCipher" | "relieveMemory">, { encryption }: Project): void {
  if (encryption === null) return;
  // The 32 MiB that it took are given back before dump and storages have grown as much.
  deps.openCipher(encryption).then(deps.relieveMemory, () => {});
}
