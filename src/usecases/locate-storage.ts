// Where a storage is, for people, whichever kind it is.

import type { OpenDeps } from "./open-project.ts";

export async function locateStorage(deps: OpenDeps, name: string): Promise<string> {
  const log = (): void => {};
  await using storage = await (deps.isRepository(name) ? deps.openRepository(name, log) : deps.openStorage(name, log));
  return storage.location;
}
